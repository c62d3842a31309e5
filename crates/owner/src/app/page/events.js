// When something moved: read from the heads of the segments, drawn on the timeline, listed, jumped between.

import { ask, clock, el, lasting, say } from "./dom.js";

// The most events listed; the line shows all of them.
const LISTED = 100;
// A jump begins so much before the motion, and an event this near counts as the one that is being watched, microseconds.
const LEAD = 1e6;
const HERE = 3e6;
// Between two questions while there is more to read, milliseconds.
const MORE = 200;

export class Events {
  /** `on`: `changed()` when others are known; `seek(us)`. */
  constructor(camera, on) {
    this.camera = camera;
    this.on = on;
    this.list = [];
    this.count = el("summary", {}, "Events");
    this.items = el("ol", { class: "events" });
    this.element = el("details", { class: "listed" }, this.count, this.items);
    const button = (text, label, click) => el("button", { type: "button", "aria-label": label, title: label, click }, text);
    this.buttons = [
      button("‹ Event", "Previous event (P)", () => this.jump(-1)),
      button("Event ›", "Next event (N)", () => this.jump(1)),
    ];
  }

  close() {
    this.closed = true;
    clearTimeout(this.more);
  }

  /** Reads what is known of a window, and goes on until that is all. Another window takes its place. */
  async load(query) {
    clearTimeout(this.more);
    this.query = query;
    if (this.asking) return;
    this.asking = true;
    try {
      const { events, complete } = await ask("api/events", query);
      if (this.closed) return;
      this.fault = undefined;
      this.list = events;
      this.complete = complete;
      if (!complete || this.query !== query) this.more = setTimeout(() => this.load(this.query), MORE);
    } catch (error) {
      this.fault = error.message;
    } finally {
      this.asking = false;
    }
    if (this.closed) return;
    this.draw();
    this.on.changed();
  }

  draw() {
    const many = this.list.length === 1 ? "1 event" : `${this.list.length} events`;
    const reading = this.complete === false ? ", reading more" : "";
    say(this.count, this.fault ?? `${many} in this window${reading}`);
    const print = JSON.stringify(this.list);
    if (print === this.printed) return;
    this.printed = print;
    const newest = this.list.slice(-LISTED).reverse();
    this.items.replaceChildren(
      ...newest.map((event) => {
        const text = `${clock(event.from)}, ${lasting((event.to - event.from) / 1e6)}, up to ${Math.round(event.permille / 10)} % of the picture moved`;
        return el("li", {}, el("button", { type: "button", click: () => this.on.seek(event.from - LEAD) }, text));
      }),
    );
  }

  /** The next event after a moment, or the one before it. */
  beside(us, direction) {
    if (direction > 0) return this.list.find((event) => event.from - LEAD > us + LEAD / 2);
    return this.list.findLast((event) => event.from < us - HERE);
  }

  jump(direction) {
    const event = this.beside(this.on.now(), direction);
    if (event) this.on.seek(event.from - LEAD);
    else this.on.none(direction > 0 ? "No later event in this window." : "No earlier event in this window.");
  }
}
