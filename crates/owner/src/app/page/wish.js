// A date and a time to go to, in the browser's own zone. A time that the night has twice is asked
// for again, by its offset.

import { button, el, say } from "./dom.js";
import { moment, named, zone } from "./times.js";

/** @typedef {(us: number) => void} Go */

export class Wish {
  /** @param {Go} go */
  constructor(go) {
    this.go = go;
    this.field = el("input", { type: "datetime-local", step: "1", "aria-label": "Date and time to go to" });
    this.answer = el("span", { role: "status" });
    const form = el("form", { class: "bar wish", submit: (/** @type {Event} */ event) => this.ask(event) }, el("span", {}, "Go to"), this.field, el("button", { title: "Go to this date and time (Enter)" }, "Go"), this.answer);
    this.element = form;
  }

  /** Takes the keyboard there. */
  focus() {
    this.field.focus();
  }

  /**
   * Begins with a moment, as long as nobody wrote one.
   * @param {number} us
   */
  begin(us) {
    if (!this.field.value) this.field.value = moment(us).slice(0, 19).replace(" ", "T");
  }

  /** @param {Event} event */
  ask(event) {
    event.preventDefault();
    const [day, time] = this.field.value.split("T");
    if (!time) {
      say(this.answer, "Fill in the date and the time.");
      return;
    }
    const moments = named(day, time);
    this.answer.replaceChildren();
    if (moments.length === 1) this.go(moments[0]);
    else if (moments.length === 0) say(this.answer, `Clocks went forward: there was no ${time.slice(0, 5)} on that day.`);
    else this.answer.append(`There were two ${time.slice(0, 5)} in that night: `, ...moments.map((us) => button(zone(us), `Go to ${moment(us)}`, () => this.go(us))));
  }
}
