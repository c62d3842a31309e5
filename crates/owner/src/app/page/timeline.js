// One camera's past on a line: what was filmed, what moved, what is missing, what was released; a playhead to drag, a span to export.

import { ask, clock, el, lasting, moment, say } from "./dom.js";
import { Events } from "./events.js";
import { Thumbnails } from "./thumbnails.js";

// Lengths to choose from, seconds, and the distance of their ticks.
const LENGTHS = [
  [600, 60, "10 min"],
  [3600, 600, "1 hour"],
  [21600, 3600, "6 hours"],
  [86400, 14400, "1 day"],
];
// Between two questions what is new, milliseconds.
const EVERY = 4000;

export class Timeline {
  /** `on`: `seek(us)`; `drag(us)` while the playhead is dragged; `release(release)` when one is chosen;
   * `none(text)` when there is nowhere to jump. */
  constructor(camera, on) {
    this.camera = camera;
    this.on = on;
    this.length = 600e6;
    this.end = undefined;
    // The clock as it was drawn last: bars and playhead stand on one line.
    this.now = Date.now() * 1000;
    this.known = { recorded: [], gaps: [], releases: [] };
    this.bars = el("div", { class: "bars" });
    this.ticks = el("div", { class: "ticks", "aria-hidden": "true" });
    this.head = el("div", { class: "head", "aria-hidden": "true" });
    this.small = el("canvas", { width: 1, height: 1 });
    this.when = el("span", {});
    this.tip = el("div", { class: "tip", "aria-hidden": "true", hidden: true }, this.small, this.when);
    this.thumbnails = new Thumbnails(camera, this.small);
    this.events = new Events(camera, {
      changed: () => this.draw(),
      seek: (us) => on.seek(us),
      none: (text) => on.none(text),
      now: () => this.position ?? this.to,
    });
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
      { "aria-label": "Length of the timeline", change: () => this.stretch(this.zoom.value * 1e6) },
      ...LENGTHS.map(([seconds, , text]) => el("option", { value: seconds }, text)),
    );
    const button = (text, label, click) => el("button", { type: "button", "aria-label": label, click }, text);
    this.legend = el(
      "p",
      { class: "legend" },
      el("span", { class: "key recorded" }),
      "recorded",
      el("span", { class: "key moved" }),
      "moved",
      el("span", { class: "key gap" }),
      "missing",
      el("span", { class: "key release" }),
      "asked for or released",
    );
    this.element = el(
      "section",
      { class: "timeline", "aria-label": "Timeline" },
      el(
        "div",
        { class: "bar" },
        button("‹", "Earlier", () => this.shift(-0.5)),
        this.zoom,
        button("›", "Later", () => this.shift(0.5)),
        ...this.events.buttons,
        this.label,
        this.legend,
      ),
      this.flags,
      this.slider,
      this.ticks,
      this.events.element,
    );
    this.timer = setInterval(() => this.load(), EVERY);
    this.load();
  }

  close() {
    clearInterval(this.timer);
    this.events.close();
    this.thumbnails.close();
    this.closed = true;
  }

  get to() {
    return this.end ?? this.now + this.length * 0.02;
  }

  get from() {
    return this.to - this.length;
  }

  /** Another length, around the same middle; a timeline that follows the clock goes on to. */
  stretch(length) {
    const middle = this.to - this.length / 2;
    this.length = length;
    this.moveTo(this.end === undefined ? undefined : middle + length / 2);
  }

  /** Ends the window at a moment; undefined follows the clock. */
  moveTo(end) {
    this.end = end >= Date.now() * 1000 ? undefined : end;
    this.draw();
    this.load();
  }

  shift(share) {
    this.moveTo(this.to + this.length * share);
  }

  /** Keeps a moment in sight. */
  reveal(us) {
    if (us >= this.from && us <= this.to) return;
    this.moveTo(us + this.length / 2);
  }

  async load() {
    const now = Date.now() * 1000;
    const query = { camera: this.camera, from: Math.floor(this.from), to: Math.ceil(Math.min(this.to, now)) };
    try {
      const known = await ask("api/timeline", query);
      if (this.closed) return;
      this.known = known;
      this.fault = undefined;
      this.events.load(query);
    } catch (error) {
      this.fault = error.message;
    }
    this.draw();
  }

  /** The first moment at or after `us` that was recorded. */
  recordedAt(us) {
    for (const [from, to] of this.known.recorded) {
      if (us < from) return from;
      if (us < to) return us;
    }
    return undefined;
  }

  at(us) {
    return ((us - this.from) / this.length) * 100;
  }

  put(element, from, to) {
    const left = Math.max(0, this.at(from));
    element.style.left = `${left}%`;
    if (to !== undefined) element.style.width = `${Math.max(0, Math.min(100, this.at(to)) - left)}%`;
    return element;
  }

  draw() {
    if (this.closed) return;
    this.now = Date.now() * 1000;
    const bars = this.known.recorded.map(([from, to]) => this.put(el("div", { class: "recorded" }), from, to));
    const gaps = this.known.gaps.map((gap) => {
      const length = gap.to > gap.from ? `, ${lasting((gap.to - gap.from) / 1e6)}` : "";
      return this.put(el("div", { class: "gap", title: `Missing${length}: ${gap.reason}` }), gap.from, gap.to);
    });
    const released = this.known.releases.map((release) => this.put(el("div", { class: `release ${release.state ?? ""}` }), release.from, release.to));
    // Half of the picture moving is as high as it gets; a person far away still shows.
    const moved = this.events.list.map((event) => {
      const bar = this.put(el("div", { class: "moved" }), event.from, event.to);
      bar.style.height = `${15 + 45 * Math.min(1, Math.sqrt(event.permille / 500))}%`;
      return bar;
    });
    this.bars.replaceChildren(...bars, ...moved, ...gaps, ...released);
    this.drawFlags();
    const step = LENGTHS.find(([seconds]) => seconds * 1e6 === this.length)?.[1] ?? this.length / 6e6;
    const offset = new Date(this.from / 1000).getTimezoneOffset() * 60;
    const ticks = [];
    for (let second = Math.ceil((this.from / 1e6 - offset) / step) * step + offset; second * 1e6 < this.to; second += step) {
      ticks.push(this.put(el("span", {}, clock(second * 1e6, false)), second * 1e6));
    }
    this.ticks.replaceChildren(...ticks);
    say(this.label, this.fault ?? `${moment(this.from).slice(0, 16)} to ${clock(this.to, false)}`);
    this.slider.setAttribute("aria-valuemin", Math.floor(this.from / 1e6));
    this.slider.setAttribute("aria-valuemax", Math.ceil(this.to / 1e6));
    this.playhead(this.position ?? this.to);
    this.choose(this.span);
  }

  /** One button for each release; kept while nothing changed, so that focus stays. */
  drawFlags() {
    const print = JSON.stringify(this.known.releases.map((release) => [release.leaf_index, release.state]));
    if (print !== this.flagged) {
      this.flagged = print;
      this.flags.replaceChildren(
        ...this.known.releases.map((release) => {
          const by = release.agency ? ` by ${release.agency}` : "";
          const label = `${release.kind}${by}, ${release.state ?? "yours"}, ${clock(release.from)} to ${clock(release.to)}`;
          return el("button", { type: "button", class: "flag", "aria-label": label, title: label, click: () => this.on.release(release) }, "⚑ ", release.kind);
        }),
      );
    }
    this.known.releases.forEach((release, at) => {
      const flag = this.put(this.flags.children[at], release.from);
      // Near the right edge it hangs to the left.
      flag.classList.toggle("before", this.at(release.from) > 50);
    });
    this.flags.hidden = this.known.releases.length === 0;
  }

  playhead(us) {
    this.position = us;
    const at = this.at(us);
    this.head.hidden = at < 0 || at > 100;
    this.head.style.left = `${at}%`;
    this.slider.setAttribute("aria-valuenow", Math.round(us / 1e6));
    this.slider.setAttribute("aria-valuetext", moment(us));
  }

  choose(span) {
    this.span = span;
    this.chosen.hidden = span === undefined;
    if (span) this.put(this.chosen, span.from, span.to);
  }

  moment(event) {
    const { left, width } = this.slider.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - left) / width));
    return Math.min(this.from + share * this.length, Date.now() * 1000);
  }

  hover(event) {
    const us = this.moment(event);
    const gap = this.known.gaps.find((gap) => us >= gap.from && us < gap.to);
    say(this.when, gap ? `${clock(us)} · ${gap.reason}` : clock(us));
    this.tip.hidden = false;
    this.tip.style.left = `${Math.min(92, Math.max(8, this.at(us)))}%`;
    // A finger covers what it points at, and its screen may be far from home: no pictures for it.
    if (gap || event.pointerType === "touch") this.thumbnails.hide();
    else this.thumbnails.show(us);
  }

  leave() {
    this.tip.hidden = true;
    this.thumbnails.hide();
  }

  grab(event) {
    if (event.button !== 0) return;
    this.slider.setPointerCapture(event.pointerId);
    const drag = (moved) => this.on.drag(this.moment(moved));
    const drop = (dropped) => {
      this.slider.removeEventListener("pointermove", drag);
      this.slider.removeEventListener("pointerup", drop);
      this.slider.removeEventListener("pointercancel", drop);
      this.on.seek(this.moment(dropped));
    };
    this.slider.addEventListener("pointermove", drag);
    this.slider.addEventListener("pointerup", drop);
    this.slider.addEventListener("pointercancel", drop);
    this.on.drag(this.moment(event));
  }
}
