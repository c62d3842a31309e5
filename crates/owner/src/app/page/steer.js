// What is done with a picture at each look: begin, keep up, jump over holes, ask for more, end.
// Pure.
//
// Positions and lengths are the video element's seconds. What is returned is to be done at once;
// the next look is ten times a second later, and one more while a picture is awaited.

// Seconds that are fetched ahead of a recording at normal speed.
const AHEAD = 12;
// Silence that is told, milliseconds.
const STALLED = 5000;
// Seconds before the end of a stretch at which nothing of it is left to play; at which all was.
const LAST = 0.06;
const ENDED = 0.15;

/**
 * What a player is at. One word at a time:
 *
 *   opening     asked for; no picture yet
 *   showing     there are pictures
 *   stalled     nothing new came for a while, and there is nothing left to show
 *   lost        to be asked for again in a while
 *   resting     a live view that nobody looks at: let go, until somebody does
 *   unplayable  this browser cannot show it
 *   done        a recording played to its end
 *   closed      for good
 *
 * @typedef {"opening" | "showing" | "stalled" | "lost" | "resting" | "unplayable" | "done" | "closed"} Word
 */

/**
 * @typedef {object} State
 * @property {Word} word
 * @property {boolean} paused
 * @property {number} at where the picture stands
 * @property {number | undefined} wanted where a recording is to begin; undefined in a live view
 * @property {number} rate the speed chosen for a recording
 * @property {boolean} over the app sent all there is
 * @property {number} queued pieces that came and are not buffered yet
 * @property {number} arrived when the last piece came, milliseconds as `now`
 * @property {import("./pace.js").Pace} pace of a live view
 */

/**
 * @typedef {object} Action
 * @property {Word} [word] what it is at from now on
 * @property {string} [say] what to tell, in place of what was told
 * @property {number} [seek]
 * @property {number} [rate]
 * @property {boolean} [more] ask for more of a recording
 */

/**
 * @param {number} now milliseconds
 * @param {[number, number][]} ranges what is buffered, in order
 * @param {State} state
 * @returns {Action}
 */
export function steer(now, ranges, state) {
  switch (state.word) {
    case "opening":
      return begin(now, ranges, state);
    case "showing":
    case "stalled":
      return ranges.length === 0 ? {} : state.wanted === undefined ? live(now, ranges, state) : recorded(now, ranges, state);
    case "lost":
    case "resting":
    case "unplayable":
    case "done":
    case "closed":
      return {};
  }
}

/**
 * At the first picture: the newest of a live view, the wanted one of a recording.
 * @param {number} now
 * @param {[number, number][]} ranges
 * @param {State} state
 * @returns {Action}
 */
function begin(now, ranges, { wanted, over, queued, arrived, rate, pace }) {
  if (ranges.length === 0) {
    // Nothing was stored of the whole stretch.
    if (over && queued === 0) return { word: "done" };
    return wanted !== undefined && now - arrived > STALLED ? { say: waits(now - arrived, queued) } : {};
  }
  const [from] = ranges[0];
  const end = ranges[ranges.length - 1][1];
  const place = Math.max(from, wanted ?? end - pace.behind);
  if (wanted !== undefined && end <= place && !over) return {};
  return { word: "showing", say: "", seek: Math.min(place, end - 0.01), rate: wanted === undefined ? 1 : rate };
}

/**
 * Where the picture stands in what is buffered: the next stretch, and whether it stands in one.
 * @param {[number, number][]} ranges
 * @param {number} at
 */
function standing(ranges, at) {
  const next = ranges.find(([from]) => from > at + 0.01);
  const inside = ranges.some(([from, to]) => at >= from - 0.01 && at < to - LAST);
  return { next, hole: !inside && next !== undefined, end: ranges[ranges.length - 1][1] };
}

/**
 * @param {number} now
 * @param {[number, number][]} ranges
 * @param {State} state
 * @returns {Action}
 */
function live(now, ranges, { word, paused, at, arrived, pace }) {
  const { next, hole, end } = standing(ranges, at);
  /** @type {Action} */
  const action = {};
  if (hole && next) action.seek = next[0] + 0.01;
  if (paused) return action;
  if (!hole) {
    const rate = pace.rate(end - at);
    if (rate === undefined) action.seek = end - pace.behind;
    else action.rate = rate;
  }
  const silent = now - arrived;
  if (silent > STALLED) return { ...action, word: "stalled", say: `No new picture for ${Math.floor(silent / 1000)} s.` };
  return word === "stalled" ? { ...action, word: "showing", say: "" } : action;
}

/**
 * What a recording waits for.
 * @param {number} silent milliseconds
 * @param {number} queued
 */
function waits(silent, queued) {
  const seconds = Math.floor(silent / 1000);
  if (queued > 0) return `What follows is here, and this browser has not taken it in for ${seconds} s.`;
  return `Waiting for the relay: nothing of this recording came for ${seconds} s.`;
}

/**
 * @param {number} now
 * @param {[number, number][]} ranges
 * @param {State} state
 * @returns {Action}
 */
function recorded(now, ranges, { word, paused, at, rate, over, queued, arrived }) {
  const { next, hole, end } = standing(ranges, at);
  if (over && !next && !paused && at >= end - ENDED && queued === 0) return { word: "done" };
  /** @type {Action} */
  const action = {};
  if (hole && next) action.seek = next[0] + 0.01;
  // What came is buffered before more is asked for: what waits for a buffer stays short.
  if (!over && queued === 0 && end - at < AHEAD * Math.max(1, rate)) action.more = true;
  const isDry = !over && !next && !paused && at >= end - ENDED;
  if (isDry && now - arrived > STALLED) return { ...action, word: "stalled", say: waits(now - arrived, queued) };
  return word === "stalled" ? { ...action, word: "showing", say: "" } : action;
}
