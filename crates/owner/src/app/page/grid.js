// All cameras, live.

import { el, say } from "./dom.js";
import { Player } from "./player.js";
import { described, held, over, standing } from "./words.js";

/** @typedef {import("./answers").CameraStatus} CameraStatus */

class Card {
  /** @param {CameraStatus} camera */
  constructor(camera) {
    // Firefox stops at every video with the keyboard; here the link around it is the stop.
    this.video = el("video", { muted: true, playsInline: true, tabindex: "-1", "aria-label": `Live picture of ${camera.name}` });
    this.note = el("p", { class: "note", hidden: true });
    this.state = el("span", { class: "pill" });
    this.detail = el("p", { class: "detail" });
    const frame = el("div", { class: "frame" }, this.video, this.note);
    const caption = el("div", { class: "caption" }, el("h2", {}, camera.name), this.state, this.detail);
    this.element = el("li", { class: "card" }, el("a", { href: `#/camera/${camera.camera_id}` }, frame, caption));
    this.id = camera.camera_id;
    this.saying = "";
    /** @type {number | undefined} */
    this.track = undefined;
  }

  /**
   * @param {CameraStatus} camera
   * @param {number} now
   * @param {string} [away]
   */
  update(camera, now, away) {
    // A small picture needs no more than the camera's second one, if it films one.
    this.show(camera.second ? 1 : 0);
    this.camera = camera;
    this.tell();
    const [word, kind] = standing(camera, away);
    say(this.state, word);
    this.state.dataset.kind = kind;
    // All is well is said on the camera's own page.
    const [text, worth] = camera.newest_us > 0 && !camera.retired ? held(camera.holders, now) : ["", "good"];
    say(this.detail, worth === "good" ? described(camera, now) : `${described(camera, now)} · ${text}`);
    this.detail.dataset.kind = worth === "good" ? "" : worth;
  }

  tell() {
    const text = over(this.saying, this.camera);
    say(this.note, text);
    this.note.hidden = text === "";
  }

  /** @param {number} track */
  show(track) {
    if (track === this.track) return;
    this.player?.close();
    this.track = track;
    const state = (/** @type {string} */ text) => {
      this.saying = text;
      this.tell();
    };
    this.player = new Player(this.video, { camera: this.id, track }, { state });
  }
}

export class Grid {
  constructor() {
    this.title = "Cameras";
    /** @type {Map<string, Card>} */
    this.cards = new Map();
    this.list = el("ul", { class: "grid" });
    this.empty = el("p", { class: "empty" }, "Looking for your cameras.");
    this.element = el("section", { "aria-label": "Cameras, live" }, el("h1", { class: "hidden" }, "Cameras, live"), this.empty, this.list);
  }

  /** @param {import("./answers").Cameras} told */
  update({ cameras, book, relay_problem, now, away }) {
    const none = book.length === 0 ? "No camera is paired yet. Run: candor owner invite --config owner.toml NAME" : "Asking the relay for your cameras.";
    say(this.empty, relay_problem ? `The relay does not answer: ${relay_problem}` : none);
    this.empty.hidden = cameras.length > 0 && !relay_problem;
    for (const camera of cameras) this.card(camera).update(camera, now, away);
    this.list.dataset.count = String(Math.min(cameras.length, 4));
  }

  /** @param {CameraStatus} camera */
  card(camera) {
    const known = this.cards.get(camera.camera_id);
    if (known) return known;
    const card = new Card(camera);
    this.cards.set(camera.camera_id, card);
    this.list.append(card.element);
    return card;
  }

  close() {
    for (const card of this.cards.values()) card.player?.close();
  }
}
