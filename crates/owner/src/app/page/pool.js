// Small pictures that were fetched, each with the times for which it stands; and moments without
// one, for a while. Pure: times are Unix microseconds, `now` milliseconds.

// Pictures kept.
const KEPT = 60;
// Around a moment without a picture none is asked for, so far and so long.
const NOTHING = 1e6;
const FORGIVEN = 5000;

/**
 * @template T
 * @typedef {{ from: number, to: number, picture: T | undefined, until: number }} Kept
 */

/** @template T */
export class Pool {
  constructor() {
    /** @type {Kept<T>[]} */
    this.kept = [];
  }

  /**
   * What is known of a moment; undefined where it should be asked for.
   * @param {number} us
   * @param {number} now
   */
  find(us, now) {
    return this.kept.find(({ from, to, until }) => us >= from && us < to && until >= now);
  }

  /**
   * @param {number} from
   * @param {number} to
   * @param {T | undefined} picture
   */
  add(from, to, picture) {
    this.keep({ from, to, picture, until: Infinity });
  }

  /**
   * There is no picture of a moment, now.
   * @param {number} us
   * @param {number} now
   */
  none(us, now) {
    this.keep({ from: us - NOTHING, to: us + NOTHING, picture: undefined, until: now + FORGIVEN });
  }

  /** @param {Kept<T>} kept */
  keep(kept) {
    this.kept.push(kept);
    if (this.kept.length > KEPT) this.kept.shift();
  }
}
