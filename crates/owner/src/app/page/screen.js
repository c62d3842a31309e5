// One video element fed with fragmented MP4 through Media Source Extensions.
//
// The media's own times are moved so that position + base is the capture time: gaps are holes in
// the buffered ranges, and a new run of the camera continues where the wall clock says.
//
// In scope: buffers, codecs, the place of a fragment in time. Out of scope: where the bytes come
// from (`feed`), where the picture should stand (`steer`).

// The most fragments that are appended at once.
const AT_ONCE = 50;
// What is dropped behind the picture is dropped in pieces of so many seconds.
const DROPPED = 5;

/** @typedef {{ bytes: Uint8Array<ArrayBuffer>, codec: string }} InitPiece */
/** @typedef {{ bytes: Uint8Array<ArrayBuffer>, offset: number }} FragmentPiece */

/**
 * @typedef {object} OnScreen
 * @property {() => void} appended something more is buffered
 * @property {() => void} anew the picture begins again in a new buffer
 * @property {() => void} broken the buffer takes nothing any more
 * @property {(codec: string) => void} unplayable
 */

export class Screen {
  /**
   * @param {HTMLVideoElement} video
   * @param {OnScreen} on
   */
  constructor(video, on) {
    this.video = video;
    this.on = on;
    /** @type {(InitPiece | FragmentPiece)[]} */
    this.queue = [];
    /** Capture time of position 0, seconds. @type {number | undefined} */
    this.base = undefined;
    /** What is added to the decode times of the run that comes. @type {number | undefined} */
    this.run = undefined;
    /** @type {MediaSource | undefined} */
    this.source = undefined;
    /** @type {SourceBuffer | undefined} */
    this.buffer = undefined;
    /** What the buffer takes. @type {string} */
    this.type = "";
  }

  /** Forgets all that came; the last picture stays in sight until another one is there. */
  clear() {
    this.queue = [];
    this.base = undefined;
    this.run = undefined;
    this.release();
  }

  release() {
    this.source = undefined;
    this.buffer = undefined;
  }

  close() {
    this.clear();
    this.video.removeAttribute("src");
    this.video.load();
  }

  /** The capture time of the picture, Unix microseconds; undefined before the first. */
  get time() {
    return this.base === undefined ? undefined : Math.round((this.video.currentTime + this.base) * 1e6);
  }

  /**
   * The position of a capture time.
   * @param {number} us
   */
  position(us) {
    return us / 1e6 - (this.base ?? 0);
  }

  /**
   * What is buffered of what came since all was forgotten.
   * @returns {[number, number][]}
   */
  ranges() {
    if (!this.buffer) return [];
    const buffered = this.video.buffered;
    return Array.from({ length: buffered.length }, (_, at) => [buffered.start(at), buffered.end(at)]);
  }

  /**
   * Moves to a capture time if it is buffered; whether it was.
   * @param {number} us
   */
  seek(us) {
    if (this.base === undefined) return false;
    const at = this.position(us);
    const there = this.ranges().some(([from, to]) => at >= from && at < to - 0.05);
    if (there) this.video.currentTime = at;
    return there;
  }

  /**
   * A run begins.
   * @param {Uint8Array<ArrayBuffer>} bytes
   * @param {string} codec
   */
  init(bytes, codec) {
    this.run = undefined;
    this.queue.push({ bytes, codec });
    this.append();
  }

  /**
   * @param {Uint8Array<ArrayBuffer>} bytes
   * @param {number} decode its decode time, seconds
   * @param {number} segment the capture time at which its segment starts, seconds
   */
  fragment(bytes, decode, segment) {
    this.base ??= Math.floor(segment) - 1;
    // The first fragment of the run as it is seen here lies at its segment's start.
    this.run ??= segment - decode - this.base;
    this.queue.push({ bytes, offset: this.run });
    this.append();
  }

  /** Appends what waits, in order, whenever the buffer can take it. */
  append() {
    const first = this.queue[0];
    if (!first || this.buffer?.updating) return;
    try {
      if ("codec" in first) this.appendInit(first);
      else this.appendFragments(first.offset);
    } catch (error) {
      if (error instanceof DOMException && error.name === "QuotaExceededError") this.forget(2);
      else this.on.broken();
    }
  }

  /** @param {InitPiece} init */
  appendInit({ bytes, codec }) {
    if (!this.source) {
      this.build(codec);
      return;
    }
    if (!this.buffer) return;
    const type = mime(codec);
    if (type !== this.type) {
      if (!alike(type, this.type) || !moving(type)) {
        // Another kind of tracks needs another buffer, once this one was played.
        if (!this.played()) return;
        this.release();
        this.on.anew();
        this.build(codec);
        return;
      }
      this.buffer.changeType(type);
      this.type = type;
    }
    this.buffer.appendBuffer(bytes);
    this.queue.shift();
  }

  /** @param {number} offset */
  appendFragments(offset) {
    if (!this.buffer) return;
    const same = (/** @type {InitPiece | FragmentPiece} */ piece) => "offset" in piece && piece.offset === offset;
    const other = this.queue.findIndex((piece) => !same(piece));
    const count = Math.min(AT_ONCE, other < 0 ? this.queue.length : other);
    if (this.buffer.timestampOffset !== offset) this.buffer.timestampOffset = offset;
    this.buffer.appendBuffer(joined(this.queue.slice(0, count).map((piece) => piece.bytes)));
    this.queue.splice(0, count);
  }

  /** Whether nothing that is buffered is still to be shown. */
  played() {
    const last = this.ranges().at(-1);
    return last === undefined || this.video.currentTime >= last[1] - 0.15;
  }

  /** @param {string} codec */
  build(codec) {
    const type = mime(codec);
    if (!moving(type)) {
      this.on.unplayable(codec);
      return;
    }
    const source = new MediaSource();
    this.source = source;
    this.type = type;
    const url = URL.createObjectURL(source);
    const opened = () => {
      URL.revokeObjectURL(url);
      if (source !== this.source) return;
      this.buffer = source.addSourceBuffer(type);
      this.buffer.addEventListener("updateend", () => {
        if (source !== this.source) return;
        this.on.appended();
        this.append();
      });
      this.append();
    };
    source.addEventListener("sourceopen", opened, { once: true });
    this.video.src = url;
  }

  /**
   * Drops what was seen longer ago than so many seconds.
   * @param {number} keep
   */
  forget(keep) {
    const [first] = this.ranges();
    if (!this.buffer || this.buffer.updating || first === undefined) return;
    const until = this.video.currentTime - keep;
    if (until > first[0] + DROPPED) this.buffer.remove(0, until);
  }
}

/**
 * Whether this browser plays that type from a buffer.
 * @param {string} type
 */
export function moving(type) {
  return "MediaSource" in window && MediaSource.isTypeSupported(type);
}

/** @param {string} codec */
function mime(codec) {
  return `video/mp4; codecs="${codec}"`;
}

/**
 * Whether both have as many tracks.
 * @param {string} one
 * @param {string} other
 */
function alike(one, other) {
  return one.split(",").length === other.split(",").length;
}

/** @param {Uint8Array<ArrayBuffer>[]} pieces */
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
