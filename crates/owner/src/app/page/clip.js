// The clip that is marked for export. Pure; times are Unix microseconds.

import { lasting, when } from "./times.js";

/** @typedef {{ from?: number, to?: number }} Marked */

/**
 * Marks an edge; the other one goes where it would lie on the wrong side.
 * @param {Marked} marked
 * @param {"from" | "to"} edge
 * @param {number} us
 * @returns {Marked}
 */
export function mark(marked, edge, us) {
  /** @type {Marked} */
  const only = { [edge]: us };
  const both = { ...marked, ...only };
  return both.from === undefined || both.to === undefined || both.from < both.to ? both : only;
}

/**
 * The clip, once both edges are marked.
 * @param {Marked} marked
 */
export function whole({ from, to }) {
  return from === undefined || to === undefined ? undefined : { from, to };
}

/** @param {Marked} marked */
export function told({ from, to }) {
  if (from !== undefined && to !== undefined) return `${when(from)} to ${when(to, from)}, ${lasting((to - from) / 1e6)}`;
  if (from !== undefined) return `from ${when(from)}; mark the end`;
  if (to !== undefined) return `to ${when(to)}; mark the start`;
  return "Mark a start and an end to export a clip.";
}
