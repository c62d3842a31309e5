// When something moved: read from the heads of the segments, drawn on the timeline, listed, jumped
// between.

import { busy, hours } from "./calendar.js";
import { ask, button, el, fill, reason, say } from "./dom.js";
import { Gallery } from "./gallery.js";
import { LEAD, neighbour } from "./seek.js";
import { clock, lasting } from "./times.js";

// More events than this are listed by the hour.
const FEW = 12;
// Between two questions while there is more to read, milliseconds.
const MORE = 200;

/** @typedef {import("./answers").Motion} Motion */
/** @typedef {{ camera: string, from: number, to: number }} Stretch */

/**
 * @typedef {object} OnEvents
 * @property {() => void} changed others are known
 * @property {(us: number) => void} show goes to a moment
 * @property {(text: string) => void} none there is nowhere to jump
 * @property {() => number} now the moment in sight
 */

export class Events {
  /**
   * @param {import("./stills.js").Stills} stills
   * @param {OnEvents} on
   */
  constructor(stills, on) {
    this.on = on;
    this.gallery = new Gallery(stills);
    /** @type {Motion[]} */
    this.list = [];
    /** Hours that were opened. @type {Set<number>} */
    this.open = new Set();
    this.count = el("summary", {}, "Events");
    this.items = el("ol", { class: "events" });
    this.element = el("details", { class: "listed" }, this.count, this.items);
    this.buttons = [
      button("‹ Event", "Previous event (P)", () => this.jump(-1)),
      button("Event ›", "Next event (N)", () => this.jump(1)),
    ];
  }

  close() {
    this.closed = true;
    clearTimeout(this.more);
    this.gallery.close();
  }

  /** All events of the window; undefined until all of them are read. */
  get all() {
    return this.complete && this.read === this.stretch ? this.list : undefined;
  }

  /**
   * Reads what is known of a window, and goes on until that is all. Another window takes its place.
   * @param {Stretch} stretch
   */
  async load(stretch) {
    clearTimeout(this.more);
    this.stretch = stretch;
    if (this.asking) return;
    this.asking = true;
    try {
      const { events, complete } = await ask("api/events", stretch);
      if (this.closed) return;
      this.fault = undefined;
      this.list = events;
      this.complete = complete;
      this.read = stretch;
      if (!complete || this.stretch !== stretch) this.more = setTimeout(() => this.load(this.stretch ?? stretch), MORE);
    } catch (error) {
      this.fault = reason(error);
    } finally {
      this.asking = false;
    }
    if (this.closed) return;
    this.draw();
    this.on.changed();
  }

  /** What counts as an event has changed. */
  reload() {
    if (this.stretch) this.load({ ...this.stretch });
  }

  draw() {
    const many = this.list.length === 1 ? "1 event" : `${this.list.length} events`;
    const reading = this.complete === false ? ", reading more" : "";
    say(this.count, this.fault ?? `${many} in this window${reading}`);
    if (this.list.length > FEW) fill(this.items, hours(this.list), (hour) => this.hour(hour));
    else fill(this.items, this.list.toReversed(), (event) => this.item(event));
  }

  /** @param {Motion} event */
  item(event) {
    const { from, to, permille } = event;
    const text = `${clock(from)}, ${lasting((to - from) / 1e6)}, up to ${Math.round(permille / 10)} % of the picture moved`;
    return el("li", {}, el("button", { type: "button", click: () => this.on.show(from - LEAD) }, this.gallery.place(event), el("span", {}, text)));
  }

  /**
   * Its events are listed once it is opened, and it stays open while more of them come.
   * @param {{ from: number, events: Motion[] }} hour
   */
  hour({ from, events }) {
    const items = el("ol", { class: "events" });
    const toggle = () => {
      if (!hour.open) this.open.delete(from);
      else {
        this.open.add(from);
        fill(items, events, (event) => this.item(event));
      }
    };
    const hour = el("details", { toggle }, el("summary", {}, busy({ from, events })), items);
    hour.open = this.open.has(from);
    return el("li", { class: "hour" }, hour);
  }

  /** @param {number} direction */
  jump(direction) {
    const event = neighbour(this.list, this.on.now(), direction);
    if (event) this.on.show(event.from - LEAD);
    else this.on.none(direction > 0 ? "No later event in this window." : "No earlier event in this window.");
  }
}
