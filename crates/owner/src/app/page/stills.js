// Small pictures of moments of one camera, kept for whoever shows them: each is one key frame, decoded
// by a video element of its own.

import { beside } from "./dom.js";
import { Pool } from "./pool.js";
import { moving } from "./screen.js";

// How wide each is drawn, in pixels.
const WIDTH = 192;
// How long a picture may take to be fetched, or decoded, milliseconds.
const PATIENCE = 5000;

export class Stills {
  /** @param {string} camera */
  constructor(camera) {
    this.camera = camera;
    /** @type {Pool<HTMLCanvasElement>} */
    this.pool = new Pool();
    this.closing = new AbortController();
  }

  close() {
    this.closing.abort();
  }

  /**
   * What is known of a moment's picture; undefined where it should be fetched.
   * @param {number} us
   */
  find(us) {
    return this.pool.find(us, performance.now());
  }

  /**
   * Fetches the picture of a moment, if there is one. That there is none is no fault: the moment can still be played.
   * @param {number} us
   */
  async fetch(us) {
    const found = await this.ask(us).catch(() => undefined);
    if (found) this.pool.add(found.from, found.to, found.picture);
    else this.pool.none(us, performance.now());
  }

  /** @param {number} us */
  async ask(us) {
    const signal = AbortSignal.any([this.closing.signal, AbortSignal.timeout(PATIENCE)]);
    const response = await fetch(beside("api/picture", { camera: this.camera, at: Math.round(us) }), { signal });
    if (response.status !== 200) return undefined;
    const [from, to] = (response.headers.get("candor-times") ?? "").split(" ").map(Number);
    const picture = await still(await response.arrayBuffer(), response.headers.get("content-type") ?? "");
    return { from, to, picture };
  }
}

/**
 * Draws a picture; none hides the canvas.
 * @param {HTMLCanvasElement} canvas
 * @param {HTMLCanvasElement | undefined} picture
 */
export function draw(canvas, picture) {
  canvas.hidden = picture === undefined;
  // Without a picture it holds no pixels.
  [canvas.width, canvas.height] = picture ? [picture.width, picture.height] : [1, 1];
  if (picture) canvas.getContext("2d")?.drawImage(picture, 0, 0);
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
