// What the app sends of one picture, over one WebSocket that is opened again when it is lost.
//
//   text    {"event":"segment","sequence":4,"start_us":...}    what is told, in order with the bytes
//   binary  tag | f64 big-endian seconds | bytes               0: init; 1: fragment, its decode time
//
// In scope: the socket, its words, coming back. Out of scope: the picture (`screen`), and when more
// of a recording is asked for (`steer`).

import { drop, socket } from "./dom.js";

// Between two tries to come back, milliseconds: the first, the longest.
const AGAIN = [500, 15000];
const INIT = 0;
// Tag and seconds before the bytes.
const HEAD = 9;

/** @typedef {import("./answers").Heard} Heard */
/** @typedef {import("./answers").Gap} Gap */
/** @typedef {import("./answers").Wanted} Wanted */

/**
 * @typedef {object} OnFeed
 * @property {() => void} opening
 * @property {(bytes: Uint8Array<ArrayBuffer>, codec: string) => void} init a run begins
 * @property {(bytes: Uint8Array<ArrayBuffer>, decode: number, segment: number) => void} fragment
 *   its decode time, and when its segment starts, seconds
 * @property {(gap: Gap) => void} gap footage is missing
 * @property {(text: string) => void} fault something is wrong, and more comes
 * @property {(reason: string) => void} lost it is opened again in a while
 */

export class Feed {
  /**
   * @param {() => Wanted} wanted what to ask for, whenever it is opened
   * @param {OnFeed} on
   */
  constructor(wanted, on) {
    /** @type {WebSocket | undefined} */
    this.socket = undefined;
    this.wanted = wanted;
    this.on = on;
    this.failures = 0;
    /** Everything there was is sent. */
    this.over = false;
    /** When something came last, milliseconds. */
    this.arrived = 0;
  }

  open() {
    this.close();
    const wanted = this.wanted();
    this.asked = false;
    this.over = false;
    this.arrived = performance.now();
    this.on.opening();
    const heard = (/** @type {any} */ data) => (typeof data === "string" ? this.told(JSON.parse(data)) : this.take(data));
    this.socket = socket(wanted.from === undefined ? "api/live" : "api/play", { ...wanted }, heard, () => this.lost("The app does not answer."));
  }

  /** Lets the socket go; nothing more comes until it is opened. */
  close() {
    clearTimeout(this.retry);
    drop(this.socket);
    this.socket = undefined;
  }

  /** Asks for more of a recording, once for each segment that came. */
  more() {
    if (this.asked || this.socket?.readyState !== WebSocket.OPEN) return;
    this.asked = true;
    this.socket.send("more");
  }

  /** A picture is shown: the next loss is the first one again. */
  works() {
    this.failures = 0;
  }

  /** @param {string} reason */
  lost(reason) {
    this.close();
    const wait = Math.min(AGAIN[1], AGAIN[0] * 2 ** this.failures);
    this.failures += 1;
    this.on.lost(`${reason} Trying again.`);
    this.retry = setTimeout(() => this.open(), wait);
  }

  /** @param {Heard} heard */
  told(heard) {
    switch (heard.event) {
      case "run":
        this.codec = heard.codec;
        break;
      case "segment":
        this.segment = heard.start_us / 1e6;
        break;
      case "segment-verified":
        this.asked = false;
        break;
      case "gap":
        this.on.gap(heard);
        break;
      case "policy-alarm":
        this.on.fault("This camera films under a policy that is not yours. Open the audit.");
        break;
      case "refused":
        this.on.fault(`A segment was refused: ${heard.reason}.`);
        break;
      case "ended":
        this.over = true;
        this.close();
        break;
      case "stopped":
        this.lost("The app was stopped.");
        break;
      case "failed":
        this.lost(`${heard.reason}.`);
        break;
    }
  }

  /** @param {ArrayBuffer} data */
  take(data) {
    this.arrived = performance.now();
    const view = new DataView(data);
    const bytes = new Uint8Array(data, HEAD);
    if (view.getUint8(0) === INIT) this.on.init(bytes, this.codec ?? "");
    else this.on.fragment(bytes, view.getFloat64(1), this.segment ?? 0);
  }
}
