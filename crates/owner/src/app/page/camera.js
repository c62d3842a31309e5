// One camera large: live, or any moment of its past.

import { onwards } from "./calendar.js";
import { Days, firsts } from "./days.js";
import { button, el, reason, say } from "./dom.js";
import { Clip } from "./export.js";
import { Full } from "./full.js";
import { Help } from "./help.js";
import { Player } from "./player.js";
import { next, pointed, stepped, wished } from "./seek.js";
import { Sound } from "./sound.js";
import { clock, lasting, moment, when } from "./times.js";
import { Timeline } from "./timeline.js";
import { Wish } from "./wish.js";
import { described, held, missing, over, released, standing, wrong } from "./words.js";
import { Zones } from "./zones.js";

const SPEEDS = [0.5, 1, 2, 4, 8, 16];
const STEP = 5e6;
const LONG_STEP = 60e6;
// A recorded span is played in pieces of so long, and at least so long, microseconds.
const PIECE = 3600e6;
const SHORTEST = 4e6;
// The past ends so near to now, microseconds.
const NOW = 8e6;
// Days that are asked about at once for what was recorded next, and how often that may turn out to
// be not there.
const AT_ONCE = 30;
const TRIES = 3;
// A camera whose clock is behind filmed that much before it was paired.
const EARLIER = 3600e6;
// How long something is mentioned, milliseconds.
const MENTIONED = 6000;

const now = () => Date.now() * 1000;

/** @typedef {{ from?: number, to?: number }} Times of a recording; none: live */

export class Camera {
  /** @param {string} id */
  constructor(id) {
    this.id = id;
    this.track = 0;
    this.title = "Camera";
    this.name = el("h1", {}, "Camera");
    this.state = el("span", { class: "pill" });
    this.detail = el("p", { class: "detail" });
    this.held = el("p", { class: "detail held" });
    this.machine = el("details", { class: "machine" }, el("summary", {}, "Details"), this.detail, this.held);
    // What is not well is told without being asked for.
    this.warned = el("p", { class: "detail", hidden: true });
    this.video = el("video", { playsInline: true, "aria-label": "Picture", tabindex: "-1", click: () => this.toggle() });
    this.note = el("p", { class: "note", hidden: true, role: "status" });
    this.saying = { text: "", isFault: false, mentioned: "" };
    this.instead = el("p", { class: "quiet", hidden: true, role: "status" });
    this.playing = button("Pause", "Pause or play (space)", () => this.toggle());
    this.toLive = button("● Live", "Go live (L)", () => this.live(), { class: "live" });
    this.speed = el(
      "select",
      { "aria-label": "Speed", change: () => this.setSpeed(Number(this.speed.value)) },
      ...SPEEDS.map((speed) => el("option", { value: speed, selected: speed === 1 }, `${speed}×`)),
    );
    this.sound = new Sound(this.video);
    this.full = new Full(() => this.stage, this.video);
    this.clock = el("span", { class: "clock" });
    this.clip = new Clip(id, (span) => this.timeline.choose(span));
    this.released = el("div", { class: "released", hidden: true, role: "status" });
    this.timeline = new Timeline(id, {
      seek: (us) => this.land(pointed(this.timeline.known, us, now())),
      drag: (us) => this.drag(us),
      show: (us) => this.land(next(this.timeline.known, us)),
      release: (release) => this.showRelease(release),
      none: (text) => this.mention(text),
      drawn: () => this.days.learn(this.timeline.known, this.timeline.events.all, this.at),
    });
    this.days = new Days(id, (day) => this.showDay(day));
    this.wish = new Wish((us) => this.visit(us));
    this.wish.field.addEventListener("focus", () => this.wish.begin(this.at));
    this.zones = new Zones(
      id,
      this.video,
      () => this.timeline.events.reload(),
      (text) => this.mention(text),
    );
    this.help = new Help();
    const back = button("−5 s", "Back 5 seconds (left arrow)", () => this.step(-STEP));
    const on = button("+5 s", "On 5 seconds (right arrow)", () => this.step(STEP));
    this.stage = el(
      "div",
      { class: "stage" },
      el("div", { class: "frame large" }, this.video, this.zones.grid, this.note),
      el("div", { class: "bar controls" }, this.playing, this.toLive, back, on, this.speed, this.sound.button, this.sound.slider, this.full.button, this.help.button, this.clock),
    );
    this.element = el(
      "section",
      { class: "camera", "aria-label": "Camera" },
      el("div", { class: "title" }, this.name, this.state, this.machine, this.warned),
      this.instead,
      this.stage,
      this.zones.panel,
      el("div", { class: "dates" }, this.days.element, this.wish.element),
      this.timeline.element,
      this.released,
      el("div", { class: "bar" }, button("Mark start", "The clip begins here (I)", () => this.mark("from")), button("Mark end", "The clip ends here (O)", () => this.mark("to")), this.clip.save, this.clip.span, this.zones.button),
      this.clip.element,
      this.help.dialog,
    );
    this.keys = (/** @type {KeyboardEvent} */ event) => this.key(event);
    document.addEventListener("keydown", this.keys);
    /** @type {Player} */
    this.player = this.play({}, false);
  }

  close() {
    document.removeEventListener("keydown", this.keys);
    clearTimeout(this.unsay);
    this.player.close();
    this.timeline.close();
    this.days.close();
    this.full.close();
    this.zones.close();
    this.clip.close();
  }

  /** @param {import("./answers").Cameras} told */
  update({ cameras, now, away }) {
    const camera = cameras.find((camera) => camera.camera_id === this.id);
    if (!camera) return;
    this.days.since(Math.min(...cameras.map(({ paired_at }) => paired_at)) * 1e6 - EARLIER);
    this.camera = camera;
    this.hasSecond = camera.second;
    this.showSecond();
    this.title = camera.name;
    document.title = `${camera.name} · Candor`;
    say(this.name, camera.name);
    const [word, kind] = standing(camera, away);
    say(this.state, word);
    this.state.dataset.kind = kind;
    say(this.detail, described(camera, now));
    const [text, worth] = camera.newest_us > 0 && !camera.retired ? held(camera.holders, now) : ["", "good"];
    say(this.held, text);
    const warned = [wrong(camera, now), worth === "good" ? "" : text].filter(Boolean);
    say(this.warned, warned.join(" · "));
    this.warned.hidden = warned.length === 0;
    this.warned.dataset.kind = worth === "good" ? kind : worth;
    this.away = away;
    this.zones.tell(camera.settings);
    if (this.saying.text) this.say({});
  }

  /**
   * What the player says of itself stands before what is mentioned, which waits for its turn.
   * @param {Partial<Camera["saying"]>} saying
   */
  say(saying) {
    this.saying = { ...this.saying, ...saying };
    const { text, isFault, mentioned } = this.saying;
    say(this.note, (this.player?.isLive ? over(text, this.camera) : text) || mentioned);
    this.note.hidden = !text && !mentioned;
    this.note.dataset.kind = text && isFault ? "fault" : "";
    clearTimeout(this.unsay);
    if (!text && mentioned) this.unsay = setTimeout(() => this.say({ mentioned: "" }), MENTIONED);
  }

  /** @param {string} text */
  mention(text) {
    this.say({ mentioned: text });
  }

  /** A browser that cannot show the main picture is given the second one, if the camera films one. */
  showSecond() {
    if (!this.unshown || !this.hasSecond || this.track === 1) return;
    const { kind, times, paused } = this.unshown;
    this.track = 1;
    say(this.instead, `This browser cannot show ${kind} video: this is the camera's second picture, with fewer details. Exports hold the main one.`);
    this.instead.hidden = false;
    this.play(times, paused);
  }

  /**
   * @param {Times} times
   * @param {boolean} paused
   * @returns {Player}
   */
  play(times, paused) {
    this.player?.close();
    const isLive = times.from === undefined;
    /** @type {import("./player.js").OnPlayer} */
    const on = {
      state: (text, isFault) => this.say({ text: text && isFault && this.away ? `${text} (${this.away})` : text, isFault }),
      time: (us) => this.shown(us),
      run: (codec) => this.sound.has(codec.includes(",")),
      // It may lie some seconds ahead: what was answered to a wish is read first.
      gap: (gap) => this.saying.mentioned || this.mention(`Missing: ${missing(gap)}.`),
      ended: () => this.goOn(),
      unplayable: (kind) => {
        this.unshown = { kind, times, paused };
        this.showSecond();
      },
    };
    this.player = new Player(this.video, { camera: this.id, track: this.track, ...times }, on, paused);
    this.until = times.to;
    this.toLive.setAttribute("aria-pressed", String(isLive));
    this.speed.disabled = isLive;
    if (!isLive) this.player.setRate(Number(this.speed.value));
    say(this.playing, paused ? "Play" : "Pause");
    return this.player;
  }

  live() {
    this.timeline.moveTo(undefined);
    this.play({}, false);
  }

  /**
   * Plays from where a seek landed; whatever it is that was wished for, something is shown, and said
   * where that is not it.
   * @param {import("./seek.js").Landing} landing
   */
  land({ at, say }) {
    if (at === undefined) this.live();
    else this.from(Math.round(at));
    this.say({ mentioned: say ?? "" });
  }

  /**
   * Goes to a moment of any day, or to what was recorded next, and says which it is.
   * @param {number} us
   */
  async visit(us) {
    this.visiting = us;
    if (us > now()) {
      this.mention(`${when(us)} is still to come.`);
      return;
    }
    try {
      const landing = await this.found(us);
      if (this.visiting !== us) return;
      if (landing) this.land(landing);
      else this.mention(`The relay gives nothing of ${when(us)}, nor of later.`);
    } catch (error) {
      this.mention(reason(error));
    }
  }

  /**
   * What there is at a moment, or next after it, with the line around it.
   * @param {number} us
   */
  async found(us) {
    let from = us;
    for (let tries = 0; tries < TRIES; tries += 1) {
      if (!this.timeline.shows(from)) await this.timeline.moveTo(from + this.timeline.line.length / 2);
      const landing = this.visiting === us ? wished(this.timeline.known, us, from) : undefined;
      if (landing || this.visiting !== us) return landing;
      const next = await this.after(Math.max(from, this.timeline.known.to, this.days.begun ?? 0));
      if (next === undefined) return undefined;
      from = next;
    }
    throw new Error("What was recorded next is not in the relay's store any more. Choose a day.");
  }

  /**
   * Where the first recording after a moment begins, on whichever day; undefined where there is none.
   * @param {number} us
   */
  async after(us) {
    for (let edge = us; edge < now(); ) {
      const edges = onwards(edge, AT_ONCE, now());
      const found = (await firsts(this.id, edges)).find((at) => at !== null);
      if (typeof found === "number") return found;
      edge = edges[edges.length - 1];
    }
    return undefined;
  }

  /** @param {import("./calendar.js").Day} day */
  async showDay(day) {
    await this.timeline.showDay(day);
    const landing = wished(this.timeline.known, day.from);
    if (landing && landing.at < day.to) this.land({ at: landing.at });
    else this.mention(`The relay gives nothing of ${moment(day.from).slice(0, 10)}.`);
  }

  /** @param {number} us */
  from(us) {
    this.timeline.playhead(us);
    if (!this.player.isLive && this.player.seek(us)) return;
    // A camera's clock may be ahead of this one.
    const to = Math.round(Math.min(us + PIECE, Math.max(now(), us + SHORTEST)));
    this.play({ from: us, to }, this.player.paused);
  }

  /**
   * While the playhead is dragged: what is buffered is shown at once.
   * @param {number} us
   */
  drag(us) {
    this.timeline.playhead(us);
    say(this.clock, moment(us));
    if (!this.player.isLive) this.player.seek(us);
  }

  /** @param {number} by */
  step(by) {
    this.land(stepped(this.timeline.known, this.at, by, now()));
  }

  /** The moment in sight; before the first picture where the playhead stands, and never ahead of the clock. */
  get at() {
    return this.player.time ?? Math.min(this.timeline.position ?? now(), now());
  }

  /** The piece was played: the next one, or live where the past ends. */
  goOn() {
    if (this.until === undefined || this.until >= now() - NOW) this.live();
    else this.land(next(this.timeline.known, this.until));
  }

  toggle() {
    if (this.player.paused) this.player.resume();
    else this.player.pause();
    say(this.playing, this.player.paused ? "Play" : "Pause");
  }

  /** @param {number} speed */
  setSpeed(speed) {
    this.speed.value = String(speed);
    this.player.setRate(speed);
  }

  /** @param {number} by */
  faster(by) {
    const speed = SPEEDS[SPEEDS.indexOf(Number(this.speed.value)) + by];
    if (!this.player.isLive && speed) this.setSpeed(speed);
  }

  /** @param {number | undefined} us */
  shown(us) {
    if (us === undefined) return;
    const { isLive, paused } = this.player;
    say(this.clock, isLive ? `live · ${clock(us)}` : `${moment(us)} · ${lasting((now() - us) / 1e6)} ago`);
    this.clock.dataset.us = String(us);
    if (isLive && this.timeline.end !== undefined) return;
    if (!paused) this.timeline.reveal(us);
    this.timeline.playhead(us);
  }

  /** @param {"from" | "to"} edge */
  mark(edge) {
    this.clip.mark(edge, this.at);
  }

  /** @param {import("./answers").Release} release */
  showRelease(release) {
    const { what, why, where } = released(release);
    this.released.hidden = false;
    this.released.dataset.kind = release.expected ? "own" : "foreign";
    this.released.replaceChildren(
      el("strong", {}, what),
      el("p", {}, why),
      el("p", { class: "quiet" }, where, el("a", { href: "#/audit" }, "All records")),
      ...release.remarks.map((remark) => el("p", { class: "quiet" }, remark)),
    );
    this.land(next(this.timeline.known, release.from));
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const target = event.target instanceof Element ? event.target.tagName : "";
    if (target === "SELECT" || (event.target instanceof HTMLInputElement && (event.target.type !== "range" || /^(Arrow|Home|End)/.test(event.key)))) return;
    if (this.help.isOpen && event.key !== "?") return;
    const far = event.shiftKey ? LONG_STEP : STEP;
    /** @type {Record<string, () => void>} */
    const actions = {
      " ": () => this.toggle(),
      ArrowLeft: () => this.step(-far),
      ArrowRight: () => this.step(far),
      Home: () => this.land(next(this.timeline.known, this.timeline.line.from)),
      End: () => this.live(),
      l: () => this.live(),
      m: () => this.sound.toggle(),
      f: () => this.full.toggle(),
      g: () => this.wish.focus(),
      i: () => this.mark("from"),
      o: () => this.mark("to"),
      e: () => this.clip.start(),
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
}
