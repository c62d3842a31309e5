// The arithmetic of the timeline: where a moment is drawn, and what a place means. Pure; times are
// Unix microseconds, places percent of the width.

// Lengths to choose from, seconds, and the distance of their ticks.
/** @type {[number, number, string][]} */
export const LENGTHS = [
  [600, 60, "10 min"],
  [3600, 600, "1 hour"],
  [21600, 3600, "6 hours"],
  [86400, 14400, "1 day"],
];
// Of a line that follows the clock so much lies ahead of it.
const TO_COME = 0.02;

export class Line {
  /**
   * @param {number} now
   * @param {number} length
   * @param {number | undefined} end undefined follows the clock
   */
  constructor(now, length, end) {
    this.length = length;
    this.end = end;
    this.to = end ?? now + length * TO_COME;
    this.from = this.to - length;
  }

  /** @param {number} us */
  at(us) {
    return ((us - this.from) / this.length) * 100;
  }

  /** @param {number} us */
  has(us) {
    return us >= this.from && us <= this.to;
  }

  /**
   * Where a stretch is drawn, cut at the edges.
   * @param {number} from
   * @param {number} to
   */
  placed(from, to) {
    const left = Math.max(0, this.at(from));
    return { left, width: Math.max(0, Math.min(100, this.at(to)) - left) };
  }

  /**
   * The moment at a share of the width; none lies in the future.
   * @param {number} share
   * @param {number} now
   */
  moment(share, now) {
    return Math.min(this.from + Math.min(1, Math.max(0, share)) * this.length, now);
  }

  /**
   * Moments to name, at round local times.
   * @param {(us: number) => number} ahead how far local time is ahead of UTC, seconds
   */
  ticks(ahead) {
    // A day may be an hour shorter or longer.
    const step = (LENGTHS.find(([seconds]) => seconds * 1e6 >= this.length - 3600e6 / 2) ?? LENGTHS[LENGTHS.length - 1])[1];
    // Clocks may be changed in sight: each moment is asked, at every quarter of an hour that may be
    // one.
    const grain = Math.min(step, step < 3600 ? 60 : 900);
    const ticks = [];
    for (let second = Math.ceil(this.from / 1e6 / grain) * grain; second * 1e6 < this.to; second += grain) {
      if ((second + ahead(second * 1e6)) % step === 0) ticks.push(second * 1e6);
    }
    return ticks;
  }
}

/**
 * How high motion stands, percent: half of the picture moving is as high as it gets, and a person
 * far away still shows.
 * @param {number} permille
 */
export function height(permille) {
  return 15 + 45 * Math.min(1, Math.sqrt(permille / 500));
}
