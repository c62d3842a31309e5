// How fast a live view plays, so that it is as near to now as the stream allows and never stands
// still.
//
// Pictures come in fragments: what is in hand jumps up as one arrives and runs down until the next.
// What counts is the least of it, over a little while: more than the margin is lateness for
// nothing, less is a picture that may stop. Pure: seconds in, a rate out; `bare.html` of the
// benches uses it too.

// Seconds in hand at the worst moment: aimed at first, at most. It grows when the picture stood
// still, and shrinks again while it does not.
const MARGIN = 0.06;
const MARGIN_MOST = 0.6;
const GROWS = 1.5;
const SHRINKS = 0.999;
// The worst moment of so many looks, ten a second; before so many a view has only begun, and
// standing still means nothing.
const LOOKS = 20;
const BEGUN = 30;
// The rate for each second too many or too few in hand, its bounds, and what is too little to
// bother.
const GAIN = 0.25;
const SLOWEST = 0.95;
const FASTEST = 1.08;
const NEAR = 0.02;
// Seconds in hand at the start, beyond the margin; and from where a jump is better than a chase.
const BEGIN = 0.2;
const FAR = 1.4;

export class Pace {
  constructor() {
    this.margin = MARGIN;
    /** @type {number[]} */
    this.looks = [];
    this.looked = 0;
  }

  /** Seconds behind the newest picture at which to begin, or to go on after a jump. */
  get behind() {
    return this.margin + BEGIN;
  }

  /**
   * Ten times a second: the rate to play at, or `undefined` if it is time to jump.
   * @param {number} ahead the seconds in hand
   */
  rate(ahead) {
    if (ahead > FAR + this.margin) {
      this.looks = [];
      return undefined;
    }
    this.margin = Math.max(MARGIN, this.margin * SHRINKS);
    this.looked += 1;
    this.looks.push(ahead);
    if (this.looks.length > LOOKS) this.looks.shift();
    const spare = Math.min(...this.looks) - this.margin;
    if (Math.abs(spare) < NEAR) return 1;
    return Math.min(FASTEST, Math.max(SLOWEST, 1 + Math.round(spare * GAIN * 100) / 100));
  }

  /** The picture stood still. */
  stood() {
    if (this.looked >= BEGUN) this.margin = Math.min(MARGIN_MOST, this.margin * GROWS);
    this.looks = [];
  }
}
