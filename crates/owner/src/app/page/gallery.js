// A small picture for each event of a list: of those in sight, one fetched at a time, the one that came
// into sight last first. What is out of sight holds no picture.

import { el } from "./dom.js";
import { draw } from "./stills.js";

// How far out of sight a picture is fetched already.
const NEAR = "64px";

/** @typedef {import("./answers").Motion} Motion */

export class Gallery {
  /** @param {import("./stills.js").Stills} stills */
  constructor(stills) {
    this.stills = stills;
    /** @type {WeakMap<Element, Motion>} */
    this.events = new WeakMap();
    /** In sight, and without a picture. @type {Set<HTMLCanvasElement>} */
    this.wanted = new Set();
    this.observer = new IntersectionObserver((entries) => this.seen(entries), { rootMargin: NEAR });
  }

  close() {
    this.observer.disconnect();
    this.wanted.clear();
  }

  /**
   * A place for the picture of an event.
   * @param {Motion} event
   */
  place(event) {
    const canvas = el("canvas", { class: "small", width: 1, height: 1, "aria-hidden": "true" });
    this.events.set(canvas, event);
    // Where no picture stands, its place does, so that the list does not jump.
    const place = el("span", { class: "still" }, canvas);
    this.observer.observe(canvas);
    return place;
  }

  /** @param {IntersectionObserverEntry[]} entries */
  seen(entries) {
    for (const { target, isIntersecting } of entries) {
      if (!(target instanceof HTMLCanvasElement)) continue;
      this.wanted.delete(target);
      if (isIntersecting) this.wanted.add(target);
      else [target.width, target.height] = [1, 1];
      // A list that was drawn anew has others.
      if (!target.isConnected) this.observer.unobserve(target);
    }
    this.fetch();
  }

  async fetch() {
    if (this.busy) return;
    this.busy = true;
    try {
      await this.drawAll();
    } finally {
      this.busy = false;
    }
  }

  async drawAll() {
    for (let canvas = this.last(); canvas; canvas = this.last()) {
      this.wanted.delete(canvas);
      const event = this.events.get(canvas);
      if (!event || !canvas.isConnected) continue;
      // Where nothing was filmed behind it any more, what it began with.
      for (const us of [event.at, event.from]) {
        if (!this.stills.find(us)) await this.stills.fetch(us);
        const picture = this.stills.find(us)?.picture;
        if (!picture) continue;
        draw(canvas, picture);
        break;
      }
    }
  }

  last() {
    return [...this.wanted].at(-1);
  }
}
