// A small picture of the moment under the pointer: one key frame, decoded by a video element of its
// own.
//
// One is fetched at a time, the one that is wanted last; what is played is never held up.

import { beside } from "./dom.js";
import { Pool } from "./pool.js";
import { moving } from "./screen.js";

// How wide each is drawn, in pixels.
const WIDTH = 192;
// The pointer rests so long before a picture is fetched, milliseconds.
const REST = 60;
// How long a picture may take to be decoded, milliseconds.
const PATIENCE = 5000;

export class Thumbnails {
  /**
   * Draws on `canvas`, which is hidden while there is no picture.
   * @param {string} camera
   * @param {HTMLCanvasElement} canvas
   */
  constructor(camera, canvas) {
    this.camera = camera;
    this.canvas = canvas;
    this.canvas.hidden = true;
    /** @type {Pool<HTMLCanvasElement>} */
    this.pool = new Pool();
  }

  close() {
    this.closed = true;
    clearTimeout(this.resting);
    this.asking?.abort();
  }

  /**
   * Shows the picture of a moment, now or when it is here.
   * @param {number} us
   */
  show(us) {
    if (this.closed) return;
    this.wanted = us;
    const kept = this.pool.find(us, performance.now());
    this.draw(kept?.picture);
    clearTimeout(this.resting);
    if (!kept) this.resting = setTimeout(() => this.fetch(), REST);
  }

  hide() {
    this.wanted = undefined;
    clearTimeout(this.resting);
    this.draw(undefined);
  }

  /** @param {HTMLCanvasElement | undefined} picture */
  draw(picture) {
    this.canvas.hidden = picture === undefined;
    if (!picture) return;
    [this.canvas.width, this.canvas.height] = [picture.width, picture.height];
    this.canvas.getContext("2d")?.drawImage(picture, 0, 0);
  }

  async fetch() {
    const us = this.wanted;
    if (this.busy || us === undefined || this.closed) return;
    this.busy = true;
    // No picture is no fault: the moment can still be played.
    const found = await this.ask(us).catch(() => undefined);
    this.busy = false;
    if (this.closed) return;
    if (found) this.pool.add(found.from, found.to, found.picture);
    else this.pool.none(us, performance.now());
    if (this.wanted !== undefined) this.show(this.wanted);
  }

  /** @param {number} us */
  async ask(us) {
    this.asking = new AbortController();
    const signal = AbortSignal.any([this.asking.signal, AbortSignal.timeout(PATIENCE)]);
    const response = await fetch(beside("api/picture", { camera: this.camera, at: Math.round(us) }), { signal });
    if (response.status !== 200) return undefined;
    const [from, to] = (response.headers.get("candor-times") ?? "").split(" ").map(Number);
    const picture = await still(await response.arrayBuffer(), response.headers.get("content-type") ?? "");
    return { from, to, picture };
  }
}

/**
 * The first picture of an MP4, drawn small.
 * @param {ArrayBuffer} bytes
 * @param {string} type
 */
async function still(bytes, type) {
  if (!moving(type)) return undefined;
  const video = document.createElement("video");
  video.muted = true;
  const source = new MediaSource();
  video.src = URL.createObjectURL(source);
  try {
    await told(source, "sourceopen");
    const buffer = source.addSourceBuffer(type);
    // Until the video knows what it plays, it does not seek.
    const known = told(video, "loadedmetadata");
    // Where an earlier step fails, that is the failure.
    known.catch(() => {});
    buffer.appendBuffer(bytes);
    await told(buffer, "updateend");
    source.endOfStream();
    await known;
    if (video.buffered.length === 0) return undefined;
    const seeked = told(video, "seeked");
    video.currentTime = video.buffered.start(0);
    await seeked;
    const canvas = document.createElement("canvas");
    canvas.width = WIDTH;
    canvas.height = Math.round((WIDTH * video.videoHeight) / video.videoWidth);
    canvas.getContext("2d")?.drawImage(video, 0, 0, canvas.width, canvas.height);
    return canvas;
  } finally {
    URL.revokeObjectURL(video.src);
    video.removeAttribute("src");
    video.load();
  }
}

/**
 * Waits for an event, and not for ever.
 * @param {EventTarget} target
 * @param {string} event
 */
function told(target, event) {
  return new Promise((resolve, reject) => {
    AbortSignal.timeout(PATIENCE).addEventListener("abort", reject);
    target.addEventListener("error", reject);
    target.addEventListener(event, resolve);
  });
}
