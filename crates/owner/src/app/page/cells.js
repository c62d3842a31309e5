// The cells of a camera's picture, 16 beside and 9 below one another. Pure; a cell is its number, row by
// row; places are shares of the picture's width and height.

export const COLUMNS = 16;
export const ROWS = 9;

/**
 * Whether each cell is one of those that a text names, four to a digit.
 * @param {string} text
 * @returns {boolean[]}
 */
export function parsed(text) {
  return [...text].flatMap((digit) => [8, 4, 2, 1].map((bit) => (Number.parseInt(digit, 16) & bit) !== 0));
}

/**
 * The text of some cells.
 * @param {boolean[]} cells
 */
export function written(cells) {
  let text = "";
  for (let at = 0; at < COLUMNS * ROWS; at += 4) {
    text += [0, 1, 2, 3].reduce((digit, bit) => digit * 2 + Number(cells[at + bit]), 0).toString(16);
  }
  return text;
}

/**
 * The cell at a place; beyond the picture the one next to it.
 * @param {number} x
 * @param {number} y
 */
export function at(x, y) {
  const within = (/** @type {number} */ share, /** @type {number} */ of) => Math.min(of - 1, Math.max(0, Math.floor(share * of)));
  return within(y, ROWS) * COLUMNS + within(x, COLUMNS);
}

/**
 * The cells from one to another, both included: a pointer that is fast leaves none out.
 * @param {number} from
 * @param {number} to
 */
export function between(from, to) {
  const [x, y] = [from % COLUMNS, Math.floor(from / COLUMNS)];
  const [right, down] = [(to % COLUMNS) - x, Math.floor(to / COLUMNS) - y];
  const steps = Math.max(Math.abs(right), Math.abs(down));
  const step = (/** @type {number} */ n) => Math.round(y + (down * n) / (steps || 1)) * COLUMNS + Math.round(x + (right * n) / (steps || 1));
  return Array.from({ length: steps + 1 }, (_, n) => step(n));
}

/**
 * Where a key leads from a cell; undefined for keys that lead nowhere.
 * @param {number} cell
 * @param {string} key
 */
export function beside(cell, key) {
  const [x, y] = [cell % COLUMNS, Math.floor(cell / COLUMNS)];
  /** @type {Record<string, [number, number]>} */
  const places = { ArrowLeft: [x - 1, y], ArrowRight: [x + 1, y], ArrowUp: [x, y - 1], ArrowDown: [x, y + 1], Home: [0, y], End: [COLUMNS - 1, y] };
  const place = places[key];
  if (!place) return undefined;
  return Math.min(ROWS - 1, Math.max(0, place[1])) * COLUMNS + Math.min(COLUMNS - 1, Math.max(0, place[0]));
}

/**
 * Where a picture stands in a frame that it does not fill, as percent of the frame.
 * @param {number} width of the frame
 * @param {number} height of it
 * @param {number} ratio the picture's width over its height
 */
export function placed(width, height, ratio) {
  const wide = Math.min(1, (ratio * height) / width);
  const high = Math.min(1, width / ratio / height);
  return { left: 50 * (1 - wide), top: 50 * (1 - high), width: 100 * wide, height: 100 * high };
}
