// A small picture of the moment under the pointer. One is fetched at a time, the one that is wanted
// last; what is played is never held up.

import { draw } from "./stills.js";

// The pointer rests so long before a picture is fetched, milliseconds.
const REST = 60;

export class Thumbnails {
  /**
   * Draws on `canvas`, which is hidden while there is no picture.
   * @param {import("./stills.js").Stills} stills
   * @param {HTMLCanvasElement} canvas
   */
  constructor(stills, canvas) {
    this.stills = stills;
    this.canvas = canvas;
    this.canvas.hidden = true;
  }

  close() {
    this.closed = true;
    clearTimeout(this.resting);
  }

  /**
   * Shows the picture of a moment, now or when it is here.
   * @param {number} us
   */
  show(us) {
    if (this.closed) return;
    this.wanted = us;
    const kept = this.stills.find(us);
    draw(this.canvas, kept?.picture);
    clearTimeout(this.resting);
    if (!kept) this.resting = setTimeout(() => this.fetch(), REST);
  }

  hide() {
    this.wanted = undefined;
    clearTimeout(this.resting);
    draw(this.canvas, undefined);
  }

  async fetch() {
    const us = this.wanted;
    if (this.busy || us === undefined || this.closed) return;
    this.busy = true;
    await this.stills.fetch(us);
    this.busy = false;
    if (this.wanted !== undefined) this.show(this.wanted);
  }
}
