// A clip as a plain MP4: its two marks, progress, then the browser's own download.

import { button, drop, el, say, socket } from "./dom.js";
import { mark, told, whole } from "./clip.js";
import { size, when } from "./times.js";
import { missing } from "./words.js";

/** @typedef {import("./clip.js").Marked} Marked */

export class Clip {
  /**
   * @param {string} camera
   * @param {(span: { from: number, to: number } | undefined) => void} chosen draws what is marked
   */
  constructor(camera, chosen) {
    this.camera = camera;
    this.chosen = chosen;
    /** @type {Marked} */
    this.marked = {};
    /** @type {WebSocket | undefined} */
    this.socket = undefined;
    this.save = button("Export MP4", "Export the marked clip as an MP4 (E)", () => this.start(), { class: "main", disabled: true });
    this.span = el("span", { class: "quiet" }, told({}));
    this.bar = el("progress", { max: "1", value: "0", "aria-label": "Export" });
    this.text = el("span", { role: "status" });
    this.cancel = el("button", { type: "button", click: () => this.close() }, "Cancel");
    this.files = el("ul", { class: "files" });
    this.element = el("div", { class: "export", hidden: true }, el("div", { class: "bar" }, this.bar, this.text, this.cancel), this.files);
  }

  /**
   * @param {"from" | "to"} edge
   * @param {number} us
   */
  mark(edge, us) {
    this.marked = mark(this.marked, edge, us);
    const { from } = this.marked;
    this.chosen(whole(this.marked) ?? (from === undefined ? undefined : { from, to: from }));
    this.save.disabled = whole(this.marked) === undefined;
    say(this.span, told(this.marked));
  }

  start() {
    const span = whole(this.marked);
    if (!span) return;
    this.close();
    this.files.replaceChildren();
    this.bar.value = 0;
    this.running(true);
    say(this.text, "exporting");
    const asked = { camera: this.camera, from: Math.floor(span.from), to: Math.ceil(span.to) };
    const lost = () => this.end("The export broke off: the app does not answer.");
    this.socket = socket("api/export", asked, (data) => this.told(JSON.parse(data)), lost);
  }

  /** @param {import("./answers").Exporting} heard */
  told(heard) {
    switch (heard.event) {
      case "progress":
        this.bar.value = heard.share;
        say(this.text, `${Math.round(heard.share * 100)} %`);
        break;
      case "ready":
        this.end(["done", ...(heard.gaps.length > 0 ? [`missing: ${heard.gaps.map(missing).join("; ")}`] : [])].join("; "));
        heard.files.forEach((file) => this.offer(file));
        break;
      case "failed":
        this.end(heard.reason);
        break;
    }
  }

  /** @param {import("./answers").File} file */
  offer(file) {
    const link = el("a", { href: String(new URL(file.url, location.href)), download: file.path }, file.path);
    const about = `${when(file.from_us)} to ${when(file.to_us, file.from_us)}, ${size(file.bytes)}, SHA-256 ${file.sha256.slice(0, 16)}…`;
    this.files.append(el("li", {}, link, el("span", { class: "quiet", title: file.sha256 }, ` ${about}`)));
    link.click();
    // A finished file is handed out once.
    link.removeAttribute("href");
  }

  /** @param {boolean} is */
  running(is) {
    this.element.hidden = false;
    this.bar.hidden = !is;
    this.cancel.hidden = !is;
  }

  /** @param {string} text */
  end(text) {
    drop(this.socket);
    this.socket = undefined;
    this.running(false);
    say(this.text, text);
  }

  close() {
    if (!this.socket) return;
    this.end("cancelled");
  }
}
