// A strip of days: on which of them something was recorded, and what of the others was seen so far.
// One of them is chosen to look at it.

import { ask, el, fill } from "./dom.js";
import { days, seen, told } from "./calendar.js";

// Days in the strip.
const MOST = 31;
// Between two questions what is new, milliseconds.
const EVERY = 300000;

const WEEKDAYS = ["Su", "Mo", "Tu", "We", "Th", "Fr", "Sa"];

/** @typedef {import("./calendar.js").Day} Day */

export class Days {
  /**
   * @param {string} camera
   * @param {(day: Day) => void} show
   */
  constructor(camera, show) {
    this.camera = camera;
    this.show = show;
    /** @type {Day[]} */
    this.days = [];
    /** Where the first recording of each day begins. @type {Map<number, number | null>} */
    this.first = new Map();
    /** @type {Map<number, import("./calendar.js").Seen>} */
    this.seen = new Map();
    this.chosen = 0;
    /** When the camera's first recording may be. @type {number | undefined} */
    this.begun = undefined;
    this.element = el("ol", { class: "days", "aria-label": "Days" });
    this.timer = setInterval(() => this.load(), EVERY);
  }

  close() {
    clearInterval(this.timer);
    this.closed = true;
  }

  /**
   * From the day on which the camera was paired.
   * @param {number} us
   */
  since(us) {
    if (this.begun === us) return;
    this.begun = us;
    this.load();
  }

  async load() {
    if (this.begun === undefined) return;
    const now = Date.now() * 1000;
    const asked = days(this.begun, now, MOST);
    this.days = asked;
    this.draw();
    // A strip without its colours is no fault: every day can be looked at.
    const first = await firsts(this.camera, [...asked.map(({ from }) => from), now]).catch(() => []);
    if (this.closed) return;
    const isNew = this.first.size === 0;
    first.forEach((us, at) => this.first.set(asked[at].from, us));
    this.draw();
    // Later it stays where whoever looks at it left it.
    if (isNew) this.element.lastElementChild?.scrollIntoView({ block: "nearest", inline: "end" });
  }

  /**
   * Takes in what the line shows.
   * @param {import("./answers").Known} known
   * @param {import("./answers").Motion[] | undefined} events
   * @param {number} us the moment in sight
   */
  learn(known, events, us) {
    for (const day of this.days) {
      const what = seen(day, known, events, Date.now() * 1000);
      if (what) this.seen.set(day.from, what);
    }
    this.chosen = this.days.find(({ from, to }) => us >= from && us < to)?.from ?? 0;
    this.draw();
  }

  draw() {
    const items = this.days.map((day) => ({ day, first: this.first.get(day.from), seen: this.seen.get(day.from), isChosen: day.from === this.chosen }));
    fill(this.element, items, ({ day, first, seen, isChosen }) => {
      const date = new Date(day.from / 1000 + 6 * 3600e3);
      const kinds = [first === null ? "none" : first === undefined ? "" : "recorded", seen?.gaps ? "gap" : "", seen?.events ? "moved" : ""];
      const label = told(day, first, seen);
      const attributes = { type: "button", title: label, "aria-label": label, "aria-pressed": String(isChosen), class: kinds.join(" "), click: () => this.show(day) };
      return el("li", {}, el("button", attributes, el("span", {}, WEEKDAYS[date.getDay()]), el("span", {}, String(date.getDate())), el("span", { class: "mark", "aria-hidden": "true" })));
    });
  }
}

/**
 * Where the first recording between each of these moments and the next one begins, or is under way;
 * null where there is none.
 * @param {string} camera
 * @param {number[]} edges in order, a day apart at the most
 * @returns {Promise<(number | null)[]>}
 */
export async function firsts(camera, edges) {
  return ask("api/days", { camera, edges: edges.map(Math.floor).join(",") });
}
