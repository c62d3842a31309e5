// One camera large: live, or any moment of its past.

import { clock, el, lasting, moment, say } from "./dom.js";
import { Export } from "./export.js";
import { described, stateOf } from "./grid.js";
import { Help } from "./help.js";
import { Player } from "./player.js";
import { Timeline } from "./timeline.js";

const SPEEDS = [0.5, 1, 2, 4, 8, 16];
const STEP = 5e6;
const LONG_STEP = 60e6;
// A recorded span is played in pieces of so long, microseconds.
const PIECE = 3600e6;
// Closer to now than this there is nothing recorded yet, microseconds.
const NOW = 4e6;

export class Camera {
  constructor(id) {
    this.id = id;
    this.track = 0;
    this.title = "Camera";
    this.name = el("h1", {}, "Camera");
    this.state = el("span", { class: "pill" });
    this.detail = el("p", { class: "detail" });
    this.video = el("video", { playsInline: true, "aria-label": "Picture", tabindex: "-1", click: () => this.toggle() });
    this.video.muted = true;
    this.note = el("p", { class: "note", hidden: true, role: "status" });
    this.instead = el("p", { class: "quiet", hidden: true, role: "status" });
    const button = (text, label, click, more = {}) => el("button", { type: "button", "aria-label": label, title: label, click, ...more }, text);
    this.playing = button("Pause", "Pause or play (space)", () => this.toggle());
    this.toLive = button("● Live", "Go live (L)", () => this.live(), { class: "live" });
    this.speed = el(
      "select",
      { "aria-label": "Speed", change: () => this.setSpeed(Number(this.speed.value)) },
      ...SPEEDS.map((speed) => el("option", { value: speed, selected: speed === 1 }, `${speed}×`)),
    );
    this.sound = button("Unmute", "Sound on or off (M)", () => this.mute());
    this.clock = el("span", { class: "clock" });
    this.start = button("Mark start", "The clip begins here (I)", () => this.mark("from"));
    this.end = button("Mark end", "The clip ends here (O)", () => this.mark("to"));
    this.span = el("span", { class: "quiet" }, "Mark a start and an end to export a clip.");
    this.exporting = new Export(id);
    this.save = button("Export MP4", "Export the marked clip as an MP4 (E)", () => this.saveClip(), { class: "main", disabled: true });
    this.released = el("div", { class: "released", hidden: true, role: "status" });
    this.timeline = new Timeline(id, {
      seek: (us) => this.seek(us),
      drag: (us) => this.drag(us),
      release: (release) => this.showRelease(release),
      none: (text) => this.mention(text),
    });
    this.help = new Help();
    this.element = el(
      "section",
      { class: "camera", "aria-label": "Camera" },
      el("div", { class: "title" }, this.name, this.state, this.detail),
      el("div", { class: "frame large" }, this.video, this.note),
      this.instead,
      el("div", { class: "bar controls" }, this.playing, this.toLive, button("−5 s", "Back 5 seconds (left arrow)", () => this.step(-STEP)), button("+5 s", "On 5 seconds (right arrow)", () => this.step(STEP)), this.speed, this.sound, this.help.button, this.clock),
      this.timeline.element,
      this.released,
      el("div", { class: "bar" }, this.start, this.end, this.save, this.span),
      this.exporting.element,
      this.help.dialog,
    );
    this.keys = (event) => this.key(event);
    document.addEventListener("keydown", this.keys);
    this.live();
  }

  close() {
    document.removeEventListener("keydown", this.keys);
    clearTimeout(this.unsay);
    this.player?.close();
    this.timeline.close();
    this.exporting.close();
  }

  update({ cameras, now }) {
    const camera = cameras.find((camera) => camera.camera_id === this.id);
    if (!camera) return;
    this.hasSecond = camera.second;
    this.showSecond();
    this.title = camera.name;
    document.title = `${camera.name} · Candor`;
    say(this.name, camera.name);
    const [word, kind] = stateOf(camera);
    say(this.state, word);
    this.state.dataset.kind = kind;
    say(this.detail, described(camera, now));
  }

  say(text, isFault = false) {
    say(this.note, text);
    this.note.hidden = text === "";
    this.note.dataset.kind = isFault ? "fault" : "";
  }

  /** A browser that cannot show the main picture is given the second one, if the camera films one. */
  showSecond() {
    if (!this.unshown || !this.hasSecond || this.track === 1) return;
    const { kind, query, paused } = this.unshown;
    this.track = 1;
    say(this.instead, `This browser cannot show ${kind} video: this is the camera's second picture, with fewer details. Exports hold the main one.`);
    this.instead.hidden = false;
    this.play(query, paused);
  }

  play(query, paused = false) {
    this.player?.close();
    this.player = new Player(this.video, { camera: this.id, track: this.track, ...query }, {
      state: (text, isFault) => this.say(text, isFault),
      time: (us) => this.shown(us),
      gap: (gap) => this.missing(gap),
      ended: () => this.goOn(),
      unplayable: (kind) => {
        this.unshown = { kind, query, paused };
        this.showSecond();
      },
    }, paused);
    this.isLive = query.from === undefined;
    this.toLive.setAttribute("aria-pressed", String(this.isLive));
    this.speed.disabled = this.isLive;
    say(this.playing, paused ? "Play" : "Pause");
  }

  live() {
    this.until = undefined;
    this.timeline.moveTo(undefined);
    this.play({});
  }

  /** Plays from a moment on; nothing recorded there: from the next one that is. */
  seek(wanted) {
    const now = Date.now() * 1000;
    const us = Math.round(this.timeline.recordedAt(wanted) ?? wanted);
    if (us >= now - NOW) {
      this.live();
      return;
    }
    this.timeline.playhead(us);
    const kept = !this.isLive && this.player.seek(us);
    if (!kept) {
      this.until = Math.round(Math.min(us + PIECE, now));
      this.play({ from: us, to: this.until }, this.player.paused);
      this.player.setRate(Number(this.speed.value));
    }
  }

  /** While the playhead is dragged: what is buffered is shown at once. */
  drag(us) {
    this.timeline.playhead(us);
    say(this.clock, moment(us));
    if (!this.isLive) this.player.seek(us);
  }

  step(us) {
    const at = this.player.time ?? this.timeline.position;
    if (at !== undefined) this.seek(at + us);
  }

  /** The piece was played: the next one, or live where the past ends. */
  goOn() {
    const now = Date.now() * 1000;
    if (this.until === undefined || this.until >= now - 2 * NOW) this.live();
    else this.seek(this.until);
  }

  toggle() {
    if (this.player.paused) this.player.resume();
    else this.player.pause();
    say(this.playing, this.player.paused ? "Play" : "Pause");
  }

  setSpeed(speed) {
    this.speed.value = String(speed);
    this.player.setRate(speed);
  }

  mute() {
    this.video.muted = !this.video.muted;
    say(this.sound, this.video.muted ? "Unmute" : "Mute");
  }

  shown(us) {
    if (us === undefined) return;
    const late = (Date.now() * 1000 - us) / 1e6;
    say(this.clock, this.isLive ? `live · ${clock(us)}` : `${moment(us)} · ${lasting(late)} ago`);
    this.clock.dataset.us = us;
    if (this.isLive && this.timeline.end !== undefined) return;
    if (!this.player.paused) this.timeline.reveal(us);
    this.timeline.playhead(us);
  }

  missing(gap) {
    const length = lasting((gap.to_us - gap.from_us) / 1e6);
    this.mention(`Missing: ${length} from ${clock(gap.from_us)} (${gap.reason}).`);
  }

  /** Says something for a while. */
  mention(text) {
    this.say(text);
    clearTimeout(this.unsay);
    this.unsay = setTimeout(() => this.say(""), 6000);
  }

  mark(edge) {
    const at = this.player.time ?? this.timeline.position;
    if (at === undefined) return;
    const marked = { ...this.marked, [edge]: at };
    if (marked.from >= marked.to) delete marked[edge === "from" ? "to" : "from"];
    this.marked = marked;
    const { from, to } = marked;
    const whole = from !== undefined && to !== undefined;
    this.timeline.choose(whole ? marked : from === undefined ? undefined : { from, to: from });
    this.save.disabled = !whole;
    const text = whole
      ? `${clock(from)} to ${clock(to)}, ${lasting((to - from) / 1e6)}`
      : from !== undefined
        ? `from ${clock(from)}; mark the end`
        : `to ${clock(to)}; mark the start`;
    say(this.span, text);
  }

  saveClip() {
    if (!this.save.disabled) this.exporting.start(this.marked);
  }

  showRelease(release) {
    const state = { asked: "Asked for; nobody granted it.", attempted: "Granted by too few trustees to open anything.", completed: "RELEASED: these minutes can be opened by who asked." }[release.state] ?? "Shared by you.";
    const who = release.agency ?? "you";
    this.released.hidden = false;
    this.released.dataset.kind = release.expected ? "own" : "foreign";
    this.released.replaceChildren(
      el("strong", {}, `${release.kind} by ${who}, ${moment(release.from)} to ${clock(release.to)}. ${state}`),
      el("p", {}, release.reason ?? "No reason stands in the log."),
      el("p", { class: "quiet" }, `Leaf ${release.leaf_index} of the log, in a head that your device verified; first seen ${moment(release.when * 1e6)}; ${release.grants} grants. `, el("a", { href: "#/audit" }, "All records")),
      ...release.remarks.map((remark) => el("p", { class: "quiet" }, remark)),
    );
    this.seek(release.from);
  }

  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const target = event.target.tagName;
    if (target === "SELECT" || target === "INPUT") return;
    if (this.help.isOpen && event.key !== "?") return;
    const far = event.shiftKey ? LONG_STEP : STEP;
    const actions = {
      " ": () => this.toggle(),
      ArrowLeft: () => this.step(-far),
      ArrowRight: () => this.step(far),
      Home: () => this.seek(this.timeline.from),
      End: () => this.live(),
      l: () => this.live(),
      m: () => this.mute(),
      i: () => this.mark("from"),
      o: () => this.mark("to"),
      e: () => this.saveClip(),
      p: () => this.timeline.events.jump(-1),
      n: () => this.timeline.events.jump(1),
      "?": () => this.help.show(),
      "+": () => this.faster(1),
      "-": () => this.faster(-1),
    };
    // Space on a button presses the button.
    if (event.key === " " && ["BUTTON", "A", "SUMMARY"].includes(target)) return;
    const action = actions[event.key] ?? actions[event.key.toLowerCase()];
    if (!action) return;
    event.preventDefault();
    action();
  }

  faster(by) {
    const at = SPEEDS.indexOf(Number(this.speed.value)) + by;
    if (!this.isLive && SPEEDS[at]) this.setSpeed(SPEEDS[at]);
  }
}
