// All cameras, live.

import { clock, el, lasting, rate, say } from "./dom.js";
import { Player } from "./player.js";

// Segments that are under way at any time, and no sign of a camera that is behind.
const UNDER_WAY = 2;

/** What is known of a camera, in a few words. */
export function described(camera, now) {
  const newest = camera.newest_us === 0 ? "nothing stored yet" : `last segment ${clock(camera.newest_us)}`;
  const offset = camera.clock_offset_ms / 1000;
  const sign = offset < 0 ? "−" : "+";
  const time = camera.clock_is_off ? `CLOCK OFF by ${lasting(Math.abs(offset))}` : `clock ${sign}${Math.abs(offset).toFixed(1)} s`;
  const silent = camera.online && camera.newest_us > 0 ? (now - camera.newest_us) / 1e6 : 0;
  const words = [silent > 30 ? `${newest} (${lasting(silent)} ago)` : newest];
  if (camera.bits_per_second !== null) words.push(rate(camera.bits_per_second));
  if (camera.waiting > UNDER_WAY) words.push(`${camera.waiting} segments wait at the camera`);
  return [...words, time].join(" · ");
}

export function stateOf(camera) {
  // Two cameras with one key take each other's place at the relay, again and again; once is a network that changed.
  if (camera.replaced > 1) return [`${camera.online ? "online" : "offline"}, replaced ${camera.replaced} times: a copied key?`, "bad"];
  if (camera.online) return ["online", camera.clock_is_off ? "warn" : "good"];
  return ["offline", "bad"];
}

class Card {
  constructor(camera) {
    // Firefox stops at every video with the keyboard; here the link around it is the stop.
    this.video = el("video", { muted: true, playsInline: true, tabindex: "-1", "aria-label": `Live picture of ${camera.name}` });
    this.video.muted = true;
    this.note = el("p", { class: "note", hidden: true });
    this.state = el("span", { class: "pill" });
    this.detail = el("p", { class: "detail" });
    this.element = el(
      "li",
      { class: "card" },
      el(
        "a",
        { href: `#/camera/${camera.camera_id}` },
        el("div", { class: "frame" }, this.video, this.note),
        el("div", { class: "caption" }, el("h2", {}, camera.name), this.state, this.detail),
      ),
    );
    this.id = camera.camera_id;
  }

  /** A small picture needs no more than the camera's second one, if it films one. */
  show(track) {
    if (track === this.track) return;
    this.player?.close();
    this.track = track;
    this.player = new Player(this.video, { camera: this.id, track }, { state: (text) => this.say(text) });
  }

  say(text) {
    say(this.note, text);
    this.note.hidden = text === "";
  }

  update(camera, now) {
    const [word, kind] = stateOf(camera);
    say(this.state, word);
    this.state.dataset.kind = kind;
    say(this.detail, described(camera, now));
  }
}

export class Grid {
  constructor() {
    this.title = "Cameras";
    this.cards = new Map();
    this.list = el("ul", { class: "grid" });
    this.empty = el("p", { class: "empty" }, "Looking for your cameras.");
    this.element = el("section", { "aria-label": "Cameras, live" }, el("h1", { class: "hidden" }, "Cameras, live"), this.empty, this.list);
  }

  update({ cameras, book, relay_problem, now }) {
    const none = book.length === 0 ? "No camera is paired yet. Run: candor owner invite --config owner.toml NAME" : "Asking the relay for your cameras.";
    say(this.empty, relay_problem ? `The relay does not answer: ${relay_problem}` : none);
    this.empty.hidden = cameras.length > 0 && !relay_problem;
    for (const camera of cameras) {
      if (!this.cards.has(camera.camera_id)) {
        const card = new Card(camera);
        this.cards.set(camera.camera_id, card);
        this.list.append(card.element);
      }
      const card = this.cards.get(camera.camera_id);
      card.show(camera.second ? 1 : 0);
      card.update(camera, now);
    }
    this.list.dataset.count = Math.min(cameras.length, 4);
  }

  close() {
    for (const card of this.cards.values()) card.player?.close();
  }
}
