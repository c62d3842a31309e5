// Which key does what, on request.

import { button, el } from "./dom.js";

const KEYS = [
  ["space", "pause, play"],
  ["← →", "5 seconds back, on; with Shift a minute"],
  ["P N", "previous, next event"],
  ["+ −", "faster, slower"],
  ["L or End", "live"],
  ["Home", "to the start of the timeline's window"],
  ["G", "go to a date and time"],
  ["M", "sound on, off"],
  ["F", "full screen"],
  ["I O", "the clip begins, ends here"],
  ["E", "export the clip"],
  ["?", "this list"],
];

export class Help {
  constructor() {
    const named = (/** @type {string} */ keys) => keys.split(" ").map((key) => (key === "or" ? " or " : el("kbd", {}, key)));
    const rows = KEYS.map(([keys, does]) => el("div", {}, el("dt", {}, ...named(keys)), el("dd", {}, does)));
    this.dialog = el("dialog", { class: "help", "aria-label": "Keys" }, el("h2", {}, "Keys"), el("dl", {}, ...rows), el("button", { type: "button", click: () => this.dialog.close() }, "Close"));
    this.button = button("Keys", "Keys (?)", () => this.show());
  }

  get isOpen() {
    return this.dialog.open;
  }

  show() {
    if (this.dialog.open) this.dialog.close();
    else this.dialog.showModal();
  }
}
