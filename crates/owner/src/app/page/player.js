// One video element fed over one WebSocket through Media Source Extensions.
//
// The media's own times are moved so that position + base is the capture time: gaps are holes in the buffered ranges, and a new run of the
// camera continues where the wall clock says. Rules: keep the pace of a live view, jump over holes, drop what was seen, rest when hidden.

import { socket } from "./dom.js";
import { Pace } from "./pace.js";

// Seconds that stay buffered behind the picture, and that are fetched ahead of a recording at normal speed.
const KEEP = 20;
const AHEAD = 12;
// A hidden page stops its live views after so long, milliseconds.
const HIDDEN = 30000;
// Silence of a live view that is told, milliseconds.
const STALLED = 5000;
// Between two tries to come back, milliseconds: the first, the longest.
const AGAIN = [500, 15000];

const INIT = 0;

export class Player {
  /** `query`: camera, track, and for a recording from and to (Unix microseconds). `on`: functions `state(text, isFault)`, `time(us)`, `gap(event)`,
   * `ended()`, `unplayable(kind)`. A paused player shows its first picture. */
  constructor(video, query, on = {}, paused = false) {
    this.video = video;
    this.query = query;
    this.on = on;
    this.live = query.from === undefined;
    this.rate = 1;
    this.paused = paused;
    this.closed = false;
    this.failures = 0;
    this.pace = new Pace();
    this.stood = () => {
      if (this.live && this.begun && !this.paused && !video.seeking) this.pace.stood();
    };
    video.addEventListener("waiting", this.stood);
    this.tick = setInterval(() => this.steer(), 100);
    this.seen = () => this.visible();
    document.addEventListener("visibilitychange", this.seen);
    this.open();
  }

  /** The capture time of the picture, Unix microseconds; undefined before the first. */
  get time() {
    return this.base === undefined ? undefined : Math.round((this.video.currentTime + this.base) * 1e6);
  }

  close() {
    this.closed = true;
    clearInterval(this.tick);
    clearTimeout(this.retry);
    clearTimeout(this.hiding);
    document.removeEventListener("visibilitychange", this.seen);
    this.video.removeEventListener("waiting", this.stood);
    this.drop();
    this.video.removeAttribute("src");
    this.video.load();
  }

  pause() {
    this.paused = true;
    this.video.pause();
    // What a paused live view would miss can be played from the recording.
    if (this.live) this.rest();
  }

  resume() {
    this.paused = false;
    clearTimeout(this.hiding);
    if (!this.wake()) this.start();
  }

  setRate(rate) {
    this.rate = rate;
    if (!this.live) this.video.playbackRate = rate;
  }

  /** Moves to a capture time if it is buffered; whether it was. */
  seek(us) {
    if (this.base === undefined) return false;
    const at = us / 1e6 - this.base;
    const range = this.ranges().find(([from, to]) => at >= from && at < to - 0.05);
    if (range) this.video.currentTime = at;
    return range !== undefined;
  }

  open() {
    this.drop();
    this.queue = [];
    this.arrived = performance.now();
    this.base = undefined;
    this.begun = false;
    this.over = false;
    this.say("connecting");
    this.socket = socket(this.live ? "api/live" : "api/play", this.query);
    const mine = this.socket;
    mine.onmessage = ({ data }) => {
      if (mine !== this.socket) return;
      if (typeof data === "string") this.told(JSON.parse(data));
      else this.take(new DataView(data));
    };
    mine.onclose = () => {
      if (mine === this.socket) this.lost("The app does not answer.");
    };
  }

  drop() {
    const old = this.socket;
    this.socket = undefined;
    this.buffer = undefined;
    this.source = undefined;
    if (old) old.close();
  }

  lost(reason) {
    if (this.closed || this.over || this.unplayable) return;
    this.drop();
    const wait = Math.min(AGAIN[1], AGAIN[0] * 2 ** this.failures);
    this.failures += 1;
    this.say(`${reason} Trying again.`, true);
    // A recording goes on where it was.
    if (!this.live && this.time !== undefined) this.query = { ...this.query, from: Math.max(this.query.from, this.time) };
    this.retry = setTimeout(() => this.open(), wait);
  }

  told(event) {
    switch (event.event) {
      case "run":
        this.codec = event.codec;
        break;
      case "segment":
        this.segmentStart = event.start_us / 1e6;
        break;
      case "segment-verified":
        this.asked = false;
        break;
      case "gap":
        this.on.gap?.(event);
        break;
      case "policy-alarm":
        this.say("This camera films under a policy that is not yours. Open the audit.", true);
        break;
      case "refused":
        this.say(`A segment was refused: ${event.reason}.`, true);
        break;
      case "ended":
        this.over = true;
        break;
      case "failed":
        this.lost(`${event.reason}.`);
        break;
    }
  }

  take(view) {
    this.arrived = performance.now();
    const bytes = new Uint8Array(view.buffer, 9);
    if (view.getUint8(0) === INIT) {
      this.run = undefined;
      this.queue.push({ init: bytes, codec: this.codec });
    } else {
      if (this.run === undefined) {
        // The first fragment of the run as it is seen here lies at its segment's start.
        if (this.base === undefined) this.base = Math.floor(this.segmentStart) - 1;
        this.run = this.segmentStart - view.getFloat64(1) - this.base;
      }
      this.queue.push({ bytes, offset: this.run });
    }
    this.append();
  }

  /** Appends what waits, in order, whenever the buffer can take it. */
  append() {
    if (this.closed || this.queue.length === 0) return;
    if (!this.source) {
      if (this.queue[0].init) this.build(this.queue[0].codec);
      return;
    }
    if (!this.buffer || this.buffer.updating) return;
    const first = this.queue[0];
    try {
      if (first.init) {
        const type = mime(first.codec);
        if (type !== this.type) {
          // Other kinds of tracks need another buffer: begin anew.
          if (type.split(",").length !== this.type.split(",").length || !MediaSource.isTypeSupported(type)) {
            this.open();
            return;
          }
          this.buffer.changeType(type);
          this.type = type;
        }
        this.buffer.appendBuffer(first.init);
        this.queue.shift();
        return;
      }
      let count = 0;
      while (count < this.queue.length && count < 50 && this.queue[count].offset === first.offset) count += 1;
      if (this.buffer.timestampOffset !== first.offset) this.buffer.timestampOffset = first.offset;
      this.buffer.appendBuffer(joined(this.queue.slice(0, count).map((item) => item.bytes)));
      this.queue.splice(0, count);
    } catch (error) {
      if (error.name === "QuotaExceededError") this.forget(2);
      else this.lost("The picture broke off.");
    }
  }

  build(codec) {
    this.type = mime(codec);
    if (!moving(this.type)) {
      this.unplayable = true;
      this.say(cannot(codec), true);
      this.drop();
      this.on.unplayable?.(named(codec));
      return;
    }
    const source = new MediaSource();
    this.source = source;
    const url = URL.createObjectURL(source);
    source.addEventListener(
      "sourceopen",
      () => {
        URL.revokeObjectURL(url);
        if (source !== this.source) return;
        this.buffer = source.addSourceBuffer(this.type);
        this.buffer.addEventListener("updateend", () => {
          this.start();
          this.append();
        });
        this.append();
      },
      { once: true },
    );
    this.video.src = url;
  }

  ranges() {
    const buffered = this.video.buffered;
    return Array.from({ length: buffered.length }, (_, at) => [buffered.start(at), buffered.end(at)]);
  }

  /** Begins to play at the first picture: the newest of a live view, the wanted one of a recording. */
  start() {
    const ranges = this.ranges();
    if (ranges.length === 0) return;
    if (!this.begun) {
      const [from] = ranges[0];
      const end = ranges[ranges.length - 1][1];
      const wanted = this.live ? Math.max(from, end - this.pace.behind) : Math.max(from, this.query.from / 1e6 - this.base);
      if (!this.live && end <= wanted && !this.over) return;
      this.begun = true;
      this.failures = 0;
      this.video.currentTime = Math.min(wanted, end - 0.01);
      this.video.playbackRate = this.live ? 1 : this.rate;
      this.say("");
    }
    if (!this.paused && this.video.paused && !this.video.ended) this.video.play().catch(() => this.say("Press play to start."));
  }

  /** Ten times a second: keep up, jump over holes, forget what was seen, ask for more. */
  steer() {
    if (!this.begun || this.closed) return;
    const at = this.video.currentTime;
    const ranges = this.ranges();
    if (ranges.length === 0) return;
    const end = ranges[ranges.length - 1][1];
    const next = ranges.find(([from]) => from > at + 0.01);
    const inside = ranges.some(([from, to]) => at >= from - 0.01 && at < to - 0.06);
    if (!inside && next) {
      this.video.currentTime = next[0] + 0.01;
    } else if (this.live && !this.paused) {
      const rate = this.pace.rate(end - at);
      if (rate === undefined) this.video.currentTime = end - this.pace.behind;
      else if (this.video.playbackRate !== rate) this.video.playbackRate = rate;
    }
    this.forget(KEEP);
    this.append();
    if (this.live && !this.paused) this.stalled(performance.now() - this.arrived);
    if (!this.live) {
      const far = AHEAD * Math.max(1, this.rate);
      if (end - at < far && !this.asked && !this.over && this.socket?.readyState === WebSocket.OPEN) {
        this.asked = true;
        this.socket.send("more");
      }
      if (this.over && !next && at >= end - 0.15 && this.queue.length === 0 && !this.done) {
        this.done = true;
        this.video.pause();
        this.on.ended?.();
      }
    }
    this.on.time?.(this.time);
  }

  /** Says that nothing comes, and takes it back. */
  stalled(milliseconds) {
    const stalled = milliseconds > STALLED && this.socket !== undefined;
    if (stalled) this.say(`No new picture for ${Math.floor(milliseconds / 1000)} s.`, true);
    else if (this.wasStalled) this.say("");
    this.wasStalled = stalled;
  }

  forget(keep) {
    const ranges = this.ranges();
    if (!this.buffer || this.buffer.updating || ranges.length === 0) return;
    const until = this.video.currentTime - keep;
    if (until > ranges[0][0] + 5) this.buffer.remove(0, until);
  }

  visible() {
    clearTimeout(this.hiding);
    if (!this.live || this.paused) return;
    if (document.hidden) this.rest();
    else this.wake();
  }

  /** Lets the live view go in a while, unless it is wanted again before. */
  rest() {
    clearTimeout(this.hiding);
    this.hiding = setTimeout(() => {
      this.resting = true;
      this.drop();
    }, HIDDEN);
  }

  wake() {
    if (!this.resting) return false;
    this.resting = false;
    this.open();
    return true;
  }

  say(text, isFault = false) {
    this.on.state?.(text, isFault);
  }
}

/** Whether this browser plays that type from a buffer. */
export function moving(type) {
  return "MediaSource" in window && MediaSource.isTypeSupported(type);
}

function mime(codec) {
  return `video/mp4; codecs="${codec}"`;
}

function named(codec) {
  return /^h(vc|ev)1/.test(codec) ? "H.265" : codec;
}

function cannot(codec) {
  return `This browser cannot show ${named(codec)} video. Set the camera to H.264, or open this page in a browser that shows it; exports play in any player.`;
}

function joined(pieces) {
  if (pieces.length === 1) return pieces[0];
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
