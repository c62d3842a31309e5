// Where a wish for a moment lands: on a picture that there is, and what to say where that is
// another moment. Pure; times are Unix microseconds.
//
//   pointed at the line   the next picture at or after it; close to now: live
//   an event, a release   the same, and never live: it was recorded
//   a step                by what was recorded: a hole is stepped over, and does not hold a step up
//   a date and a time     the same as the line, and it is always said what is there

import { when } from "./times.js";

// Closer to now than this a place on the line means now.
const NOW = 4e6;
// A jump to an event begins so much before the motion, and an event this near counts as the one
// that is being watched.
export const LEAD = 1e6;
const HERE = 3e6;
// A picture this near to what was wished for is what was wished for.
const SAME = 1e6;

/** @typedef {{ from: number, to: number, recorded: [number, number][] }} Known what is known of a stretch */
/** @typedef {{ at: number | undefined, say?: string }} Landing where to play from; undefined: live */

/**
 * A place on the line.
 * @param {Known} known
 * @param {number} us
 * @param {number} now
 * @returns {Landing}
 */
export function pointed(known, us, now) {
  return us >= now - NOW ? { at: undefined } : next(known, us);
}

/**
 * The first picture at or after a moment. Where nothing is known the moment itself: who plays it is
 * told what is missing.
 * @param {Known} known
 * @param {number} us
 * @returns {Landing}
 */
export function next({ from, to, recorded }, us) {
  const after = us < from || us >= to ? undefined : recorded.find(([, end]) => us < end);
  if (after === undefined || after[0] <= us) return { at: us };
  const [at] = after;
  if (at - us < SAME) return { at };
  return { at, say: after === recorded[0] ? earliest(at) : skipped(us, at) };
}

/**
 * A moment that was asked for by its name; undefined where nothing was recorded between it and the end
 * of what is known.
 * @param {Known} known
 * @param {number} us
 * @param {number} [from] nothing was recorded between the moment and this
 * @returns {{ at: number, say: string } | undefined}
 */
export function wished({ recorded }, us, from = us) {
  const after = recorded.find(([, end]) => from < end);
  if (!after) return undefined;
  const at = Math.max(from, after[0]);
  return { at, say: at - us < SAME ? `This is ${when(at)}.` : skipped(us, at) };
}

/**
 * A step from the picture in sight: back to what was recorded so long before it, or on.
 * @param {Known} known
 * @param {number} at
 * @param {number} by
 * @param {number} now
 * @returns {Landing}
 */
export function stepped(known, at, by, now) {
  if (by > 0) return pointed(known, at + by, now);
  const { recorded } = known;
  let left = -by;
  let here = at;
  for (const stretch of [...recorded].reverse()) {
    const [from, to] = stretch;
    if (from >= here) continue;
    // What is in sight was recorded, though the line may not know it yet.
    const end = stretch === recorded.at(-1) ? here : Math.min(here, to);
    if (end - from >= left) return { at: end - left };
    left -= end - from;
    here = from;
  }
  const first = recorded[0]?.[0];
  // What lies before the stretch is not known.
  if (first === undefined || first <= known.from) return { at: here - left };
  return { at: first, say: earliest(first) };
}

/**
 * @param {number} us
 * @param {number} at
 */
function skipped(us, at) {
  return `The relay gives nothing of ${when(us)}: the next picture is of ${when(at)}.`;
}

/** @param {number} us */
function earliest(us) {
  return `The earliest picture in sight is of ${when(us)}.`;
}

/**
 * The next event after a moment, or the one before it.
 * @template {{ from: number }} T
 * @param {T[]} events in order
 * @param {number} us
 * @param {number} direction
 */
export function neighbour(events, us, direction) {
  if (direction > 0) return events.find((event) => event.from - LEAD > us + LEAD / 2);
  return events.findLast((event) => event.from < us - HERE);
}
