// Days and hours: what is known of a day, and a busy day's events by the hour. Pure; times are Unix
// microseconds.

import { ahead, bounds, clock, day } from "./times.js";

/** @typedef {import("./answers").Known} Known */
/** @typedef {import("./answers").Motion} Motion */
/** @typedef {{ from: number, to: number }} Day */
/** @typedef {{ gaps: number, events: number | undefined }} Seen what the line showed of a whole day; events are counted once all are read */

/**
 * The days from the first moment to the last, the newest last, and not more than `most`.
 * @param {number} first
 * @param {number} last
 * @param {number} most
 * @returns {Day[]}
 */
export function days(first, last, most) {
  const all = [];
  for (let back = 0; back < most; back += 1) {
    const [from, to] = bounds(last, -back);
    if (to <= first) break;
    all.push({ from, to });
  }
  return all.reverse();
}

/**
 * A moment and the beginnings of the days after it: so many of them, or all before now and then now. No
 * two that follow each other are more than a day apart.
 * @param {number} us
 * @param {number} most
 * @param {number} now
 */
export function onwards(us, most, now) {
  const all = [us];
  for (let edge = us; edge < now && all.length <= most; ) {
    edge = Math.min(bounds(edge)[1], now);
    all.push(edge);
  }
  return all;
}

/**
 * What a window shows of a day, if it shows all of it that there is by now.
 * @param {Day} day
 * @param {Known} known
 * @param {Motion[] | undefined} events undefined while not all of them are read
 * @param {number} now
 * @returns {Seen | undefined}
 */
export function seen({ from, to }, known, events, now) {
  // The line is a few seconds behind the clock.
  if (known.from > from || known.to < Math.min(to, now - 15e6)) return undefined;
  const within = (/** @type {{ from: number }} */ it) => it.from >= from && it.from < to;
  return { gaps: known.gaps.filter(within).length, events: events?.filter(within).length };
}

/**
 * A day in words; `first` is where its first recording begins, null where the relay gives none, undefined
 * before that is known.
 * @param {Day} of
 * @param {number | null | undefined} first
 * @param {Seen | undefined} seen
 */
export function told({ from }, first, seen) {
  const words = [day(from)];
  if (first === undefined) words.push("not known yet");
  else if (first === null) words.push("nothing of it at the relay");
  else words.push("recorded");
  if (seen?.events !== undefined) words.push(many(seen.events, "event"));
  if (seen) words.push(many(seen.gaps, "gap"));
  return words.join(", ");
}

/**
 * @param {number} count
 * @param {string} what
 */
function many(count, what) {
  return count === 1 ? `1 ${what}` : `${count || "no"} ${what}s`;
}

/**
 * Events by the hour of the clock in which they began, both newest first.
 * @param {Motion[]} events in order
 */
export function hours(events) {
  /** @type {{ from: number, events: Motion[] }[]} */
  const all = [];
  for (const event of events.toReversed()) {
    // Hours that clocks have twice are two.
    const past = (((event.from / 1e6 + ahead(event.from)) % 3600) + 3600) % 3600;
    const from = Math.round(event.from - past * 1e6);
    if (all.at(-1)?.from !== from) all.push({ from, events: [] });
    all.at(-1)?.events.push(event);
  }
  return all;
}

/**
 * An hour's events in words.
 * @param {{ from: number, events: Motion[] }} hour
 */
export function busy({ from, events }) {
  const most = Math.max(...events.map(({ permille }) => permille));
  return `${clock(from, false)} to ${clock(from + 3600e6, false)}: ${many(events.length, "event")}, up to ${Math.round(most / 10)} % of the picture moved`;
}
