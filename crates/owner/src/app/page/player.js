// A picture in a video element, live or recorded: what comes (`feed`), what is shown (`screen`),
// and what is done about it ten times a second (`steer`). A live view that nobody looks at rests.

import { Feed } from "./feed.js";
import { Pace } from "./pace.js";
import { Screen } from "./screen.js";
import { steer } from "./steer.js";

// Seconds that stay buffered behind the picture.
const KEEP = 20;
// A hidden page stops its live views after so long, milliseconds.
const HIDDEN = 30000;
// Between two looks, milliseconds.
const LOOK = 100;

/** @typedef {import("./answers").Gap} Gap */
/** @typedef {import("./answers").Wanted} Wanted */

/**
 * @typedef {object} OnPlayer
 * @property {(text: string, isFault: boolean) => void} [state] what to say of it; nothing while all is well
 * @property {(us: number | undefined) => void} [time] the capture time of the picture
 * @property {(gap: Gap) => void} [gap]
 * @property {() => void} [ended] a recording was played to its end
 * @property {(kind: string) => void} [unplayable] this browser lacks the codec
 * @property {(codec: string) => void} [run] a run begins: the codecs of its picture and of its sound
 */

export class Player {
  /**
   * A paused player shows its first picture.
   * @param {HTMLVideoElement} video
   * @param {Wanted} wanted
   * @param {OnPlayer} [on]
   * @param {boolean} [paused]
   */
  constructor(video, wanted, on = {}, paused = false) {
    this.video = video;
    this.wanted = wanted;
    this.on = on;
    this.paused = paused;
    this.rate = 1;
    this.pace = new Pace();
    /** @type {import("./steer.js").Word} */
    this.word = "opening";
    this.screen = new Screen(video, {
      appended: () => this.appended(),
      anew: () => (this.word = "opening"),
      broken: () => this.feed.lost("The picture broke off."),
      unplayable: (codec) => this.unplayable(codec),
    });
    this.feed = new Feed(() => this.ask(), {
      opening: () => this.opening(),
      init: (bytes, codec) => {
        this.on.run?.(codec);
        this.screen.init(bytes, codec);
      },
      fragment: (bytes, decode, segment) => this.screen.fragment(bytes, decode, segment),
      gap: (gap) => this.on.gap?.(gap),
      fault: (text) => this.say(text, true),
      lost: (text) => {
        this.word = "lost";
        this.say(text, true);
      },
    });
    this.stood = () => {
      if (this.isLive && this.isShowing && !this.paused && !video.seeking) this.pace.stood();
    };
    video.addEventListener("waiting", this.stood);
    this.seen = () => this.visible();
    document.addEventListener("visibilitychange", this.seen);
    this.tick = setInterval(() => this.look(), LOOK);
    this.feed.open();
  }

  get isLive() {
    return this.wanted.from === undefined;
  }

  get isShowing() {
    return this.word === "showing" || this.word === "stalled";
  }

  /** The capture time of the picture, Unix microseconds; undefined before the first. */
  get time() {
    return this.screen.time;
  }

  close() {
    this.word = "closed";
    clearInterval(this.tick);
    clearTimeout(this.hiding);
    document.removeEventListener("visibilitychange", this.seen);
    this.video.removeEventListener("waiting", this.stood);
    this.feed.close();
    this.screen.close();
  }

  pause() {
    this.paused = true;
    this.video.pause();
    // What a paused live view would miss can be played from the recording.
    if (this.isLive) this.rest();
  }

  resume() {
    this.paused = false;
    clearTimeout(this.hiding);
    if (this.word === "resting") this.feed.open();
    else this.play();
  }

  /** @param {number} rate */
  setRate(rate) {
    this.rate = rate;
    if (!this.isLive) this.video.playbackRate = rate;
  }

  /**
   * Moves to a capture time if it is buffered; whether it was.
   * @param {number} us
   */
  seek(us) {
    return this.screen.seek(us);
  }

  /** What to ask for: a recording goes on where it was. */
  ask() {
    const { from } = this.wanted;
    if (from !== undefined) this.wanted = { ...this.wanted, from: Math.max(from, this.time ?? from) };
    return this.wanted;
  }

  opening() {
    this.word = "opening";
    this.screen.clear();
    this.say("connecting");
  }

  /** @param {string} codec */
  unplayable(codec) {
    this.word = "unplayable";
    this.feed.close();
    this.screen.clear();
    const kind = /^h(vc|ev)1/.test(codec) ? "H.265" : codec;
    this.say(`This browser cannot show ${kind} video. Set the camera to H.264, or open this page in a browser that shows it; exports play in any player.`, true);
    this.on.unplayable?.(kind);
  }

  appended() {
    // The first picture is not kept waiting.
    if (this.word === "opening") this.look();
    else this.play();
  }

  play() {
    if (this.paused || !this.isShowing || !this.video.paused || this.video.ended) return;
    this.video.play().catch(() => this.say("Press play to start."));
  }

  look() {
    const { word, paused, rate, pace } = this;
    const { from } = this.wanted;
    const wanted = from === undefined ? undefined : this.screen.position(from);
    const { over, arrived } = this.feed;
    const action = steer(performance.now(), this.screen.ranges(), { word, paused, rate, pace, wanted, over, arrived, at: this.video.currentTime, queued: this.screen.queue.length });
    if (action.word) this.word = action.word;
    if (action.say !== undefined) this.say(action.say, this.word === "stalled");
    if (action.seek !== undefined) this.video.currentTime = action.seek;
    if (action.rate !== undefined && this.video.playbackRate !== action.rate) this.video.playbackRate = action.rate;
    if (action.more) this.feed.more();
    if (word === "opening" && this.word === "showing") {
      this.feed.works();
      this.play();
    }
    if (this.isShowing) {
      this.screen.forget(KEEP);
      this.screen.append();
      this.on.time?.(this.time);
    }
    if (action.word === "done") {
      this.video.pause();
      this.on.ended?.();
    }
  }

  visible() {
    if (!this.isLive || this.paused) return;
    clearTimeout(this.hiding);
    if (document.hidden) this.rest();
    else if (this.word === "resting") this.feed.open();
  }

  /** Lets the live view go in a while, unless it is wanted again before. */
  rest() {
    clearTimeout(this.hiding);
    this.hiding = setTimeout(() => {
      if (this.word === "unplayable") return;
      this.word = "resting";
      this.feed.close();
    }, HIDDEN);
  }

  /**
   * @param {string} text
   * @param {boolean} [isFault]
   */
  say(text, isFault = false) {
    this.on.state?.(text, isFault);
  }
}
