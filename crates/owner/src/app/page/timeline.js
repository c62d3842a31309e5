// One camera's past on a line: what was filmed, what moved, what is missing, what was released; a
// playhead to drag, a span to export. Drawing alone: the arithmetic is `line`.

import { ask, button, el, fill, reason, say } from "./dom.js";
import { Events } from "./events.js";
import { LENGTHS, Line, height } from "./line.js";
import { Stills } from "./stills.js";
import { Thumbnails } from "./thumbnails.js";
import { ahead, clock, day, lasting, moment, when, zone } from "./times.js";

// Between two questions what is new, milliseconds.
const EVERY = 4000;

// Flags that are nearer than this share of the line, percent, cover one another's words.
const NEAR = 12;

const now = () => Date.now() * 1000;

/** @typedef {import("./answers").Known} Known */
/** @typedef {import("./answers").Release} Release */

/**
 * @typedef {object} OnTimeline
 * @property {(us: number) => void} seek a place was pointed at
 * @property {(us: number) => void} drag while the playhead is dragged
 * @property {(us: number) => void} show goes to a moment that was recorded
 * @property {(release: Release) => void} release one is chosen
 * @property {(text: string) => void} none there is nowhere to jump
 * @property {() => void} drawn what is known was drawn
 */

export class Timeline {
  /**
   * @param {string} camera
   * @param {OnTimeline} on
   */
  constructor(camera, on) {
    this.camera = camera;
    this.on = on;
    /** Where the window ends; undefined follows the clock. @type {number | undefined} */
    this.end = undefined;
    // As it was drawn last: bars and playhead stand on one line.
    this.line = new Line(now(), LENGTHS[0][0] * 1e6, undefined);
    /** @type {Known} */
    this.known = { from: 0, to: 0, recorded: [], gaps: [], releases: [] };
    this.asked = 0;
    this.answered = 0;
    this.bars = el("div", { class: "bars" });
    this.ticks = el("div", { class: "ticks", "aria-hidden": "true" });
    this.head = el("div", { class: "head", "aria-hidden": "true" });
    const small = el("canvas", { width: 1, height: 1 });
    this.when = el("span", {});
    this.tip = el("div", { class: "tip", "aria-hidden": "true", hidden: true }, small, this.when);
    this.stills = new Stills(camera);
    this.thumbnails = new Thumbnails(this.stills, small);
    this.events = new Events(this.stills, { changed: () => this.draw(), show: on.show, none: on.none, now: () => this.position ?? this.line.to });
    this.chosen = el("div", { class: "chosen", hidden: true });
    this.slider = el(
      "div",
      {
        class: "slider",
        role: "slider",
        tabindex: "0",
        "aria-label": "Time. Arrow keys move by 5 seconds, with Shift by a minute.",
        pointerdown: (event) => this.grab(event),
        pointermove: (event) => this.hover(event),
        pointerleave: () => this.leave(),
      },
      this.bars,
      this.chosen,
      this.head,
      this.tip,
    );
    this.flags = el("div", { class: "flags", role: "group", "aria-label": "Releases in this window" });
    this.label = el("span", { class: "window" });
    this.zoom = el(
      "select",
      { "aria-label": "Length of the timeline", change: () => this.stretch(Number(this.zoom.value) * 1e6) },
      ...LENGTHS.map(([seconds, , text]) => el("option", { value: seconds }, text)),
    );
    const bar = el(
      "div",
      { class: "bar" },
      button("‹", "Earlier", () => this.shift(-0.5)),
      this.zoom,
      button("›", "Later", () => this.shift(0.5)),
      ...this.events.buttons,
      this.label,
      legend(),
    );
    this.element = el("section", { class: "timeline", "aria-label": "Timeline" }, bar, this.flags, this.slider, this.ticks, this.events.element);
    this.timer = setInterval(() => this.load(), EVERY);
    this.load();
  }

  close() {
    clearInterval(this.timer);
    this.events.close();
    this.thumbnails.close();
    this.stills.close();
    this.closed = true;
  }

  /**
   * Another length, around the same middle; a timeline that follows the clock goes on to.
   * @param {number} length
   */
  stretch(length) {
    const middle = this.line.to - this.line.length / 2;
    this.moveTo(this.end === undefined ? undefined : middle + length / 2, length);
  }

  /**
   * Ends the window at a moment; undefined follows the clock.
   * @param {number | undefined} end
   * @param {number} [length]
   */
  moveTo(end, length = this.line.length) {
    this.end = end !== undefined && end >= now() ? undefined : end;
    this.draw(length);
    return this.load();
  }

  /**
   * Shows a day.
   * @param {{ from: number, to: number }} day
   */
  showDay({ from, to }) {
    this.zoom.value = "86400";
    return this.moveTo(to, to - from);
  }

  /**
   * Whether what is known of the past holds a moment.
   * @param {number} us
   */
  shows(us) {
    return us >= this.known.from && us < this.known.to;
  }

  /** @param {number} share */
  shift(share) {
    this.moveTo(this.line.to + this.line.length * share);
  }

  /**
   * Keeps a moment in sight.
   * @param {number} us
   */
  reveal(us) {
    if (!this.line.has(us)) this.moveTo(us + this.line.length / 2);
  }

  async load() {
    const { from, to } = this.line;
    const stretch = { camera: this.camera, from: Math.floor(from), to: Math.ceil(Math.min(to, now())) };
    const asked = ++this.asked;
    try {
      const known = await ask("api/timeline", stretch);
      // A later question was answered before.
      if (this.closed || asked < this.answered) return;
      this.answered = asked;
      this.known = known;
      this.fault = undefined;
      this.events.load(stretch);
    } catch (error) {
      this.fault = reason(error);
    }
    this.draw();
  }

  draw(length = this.line.length) {
    if (this.closed) return;
    this.line = new Line(now(), length, this.end);
    const { from, to } = this.line;
    const bars = this.known.recorded.map(([from, to]) => this.put(el("div", { class: "recorded" }), from, to));
    const gaps = this.known.gaps.map((gap) => {
      const length = gap.to > gap.from ? `, ${lasting((gap.to - gap.from) / 1e6)}` : "";
      const title = `${gap.rests ? "Not filmed" : "Missing"}${length}: ${gap.reason}`;
      return this.put(el("div", { class: gap.rests ? "rests" : "gap", title }), gap.from, gap.to);
    });
    const released = this.known.releases.map((release) => this.put(el("div", { class: `release ${release.state ?? ""}` }), release.from, release.to));
    const moved = this.events.list.map((event) => {
      const bar = this.put(el("div", { class: "moved" }), event.from, event.to);
      bar.style.height = `${height(event.permille)}%`;
      return bar;
    });
    this.bars.replaceChildren(...bars, ...moved, ...gaps, ...released);
    this.drawFlags();
    this.ticks.replaceChildren(...this.line.ticks(ahead).map((us) => this.put(el("span", {}, clock(us, false)), us)));
    say(this.label, this.fault ?? `${moment(from, false)} to ${day(from) === day(to) ? clock(to, false) : moment(to, false)}`);
    this.label.title = `Times are of ${zone(from)}, as this browser is set.`;
    this.slider.setAttribute("aria-valuemin", String(Math.floor(from / 1e6)));
    this.slider.setAttribute("aria-valuemax", String(Math.ceil(to / 1e6)));
    this.playhead(this.position ?? to);
    this.choose(this.span);
    this.on.drawn();
  }

  /**
   * Lays an element where its time is; a moment has no width.
   * @template {HTMLElement} T
   * @param {T} element
   * @param {number} from
   * @param {number} [to]
   */
  put(element, from, to) {
    const { left, width } = this.line.placed(from, to ?? from);
    element.style.left = `${left}%`;
    if (to !== undefined) element.style.width = `${width}%`;
    return element;
  }

  /** One button for each release; kept while nothing changed, so that focus stays. */
  drawFlags() {
    const { releases } = this.known;
    fill(this.flags, releases, (release) => this.flag(release));
    const places = releases.map((release) => this.line.at(release.from));
    releases.forEach((release, at) => {
      const flag = this.flags.children[at];
      if (!(flag instanceof HTMLElement)) return;
      // Near the right edge it hangs to the left; two that stand close have no room for words.
      this.put(flag, release.from).classList.toggle("before", places[at] > 50);
      flag.classList.toggle("tight", places.some((place, other) => other !== at && Math.abs(place - places[at]) < NEAR));
    });
    this.flags.hidden = releases.length === 0;
  }

  /** @param {Release} release */
  flag(release) {
    const by = release.agency ? ` by ${release.agency}` : "";
    const label = `${release.kind}${by}, ${release.state ?? "yours"}, ${when(release.from)} to ${when(release.to, release.from)}`;
    const flag = button(release.state === "completed" ? "⚑" : "⚐", label, () => this.on.release(release), { class: `flag ${release.state ?? "yours"}` });
    flag.append(el("span", {}, ` ${release.kind}`));
    return flag;
  }

  /** @param {number} us */
  playhead(us) {
    this.position = us;
    this.head.hidden = !this.line.has(us);
    this.head.style.left = `${this.line.at(us)}%`;
    this.slider.setAttribute("aria-valuenow", String(Math.round(us / 1e6)));
    this.slider.setAttribute("aria-valuetext", moment(us));
  }

  /** @param {{ from: number, to: number } | undefined} span */
  choose(span) {
    this.span = span;
    this.chosen.hidden = span === undefined;
    if (span) this.put(this.chosen, span.from, span.to);
  }

  /** @param {PointerEvent} event */
  moment(event) {
    const { left, width } = this.slider.getBoundingClientRect();
    return this.line.moment((event.clientX - left) / width, now());
  }

  /** @param {PointerEvent} event */
  hover(event) {
    const us = this.moment(event);
    const gap = this.known.gaps.find((gap) => us >= gap.from && us < gap.to);
    say(this.when, gap ? `${when(us)} · ${gap.reason}` : when(us));
    this.tip.hidden = false;
    this.tip.style.left = `${Math.min(92, Math.max(8, this.line.at(us)))}%`;
    // A finger covers what it points at, and its screen may be far from home: no pictures for it.
    if (gap || event.pointerType === "touch") this.thumbnails.hide();
    else this.thumbnails.show(us);
  }

  leave() {
    this.tip.hidden = true;
    this.thumbnails.hide();
  }

  /** @param {PointerEvent} event */
  grab(event) {
    if (event.button !== 0) return;
    this.slider.setPointerCapture(event.pointerId);
    const drag = (/** @type {PointerEvent} */ moved) => this.on.drag(this.moment(moved));
    const over = new AbortController();
    const drop = (/** @type {PointerEvent} */ dropped) => {
      over.abort();
      this.on.seek(this.moment(dropped));
    };
    this.slider.addEventListener("pointermove", drag, over);
    this.slider.addEventListener("pointerup", drop, over);
    this.slider.addEventListener("pointercancel", drop, over);
    drag(event);
  }
}

function legend() {
  const kinds = { recorded: "recorded", moved: "moved", gap: "missing", rests: "rested as you wish", release: "asked for or released" };
  const keys = Object.entries(kinds).flatMap(([kind, text]) => [el("span", { class: `key ${kind}` }), text]);
  return el("p", { class: "legend" }, ...keys);
}
