// Elements, and questions to the page's own server. Text only ever goes in as text.

/** @typedef {string | Node | null | undefined} Child */
/** @typedef {string | number | boolean | null | undefined | ((event: any) => void)} Attribute */
/** @typedef {Record<string, string | number>} Query */

/**
 * An element with attributes (a function is a listener, a boolean a property) and children
 * (strings are text).
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} name
 * @param {Record<string, Attribute>} [attributes]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(key, value);
    else if (typeof value === "boolean") Object.assign(element, { [key]: value });
    else if (value !== undefined && value !== null) element.setAttribute(key, String(value));
  }
  element.append(...children.flat().filter((child) => child !== undefined && child !== null));
  return element;
}

/**
 * A button that says what it does.
 * @param {string} text
 * @param {string} label
 * @param {() => void} click
 * @param {Record<string, Attribute>} [more]
 */
export function button(text, label, click, more = {}) {
  const attributes = { type: "button", "aria-label": label, title: label, click, ...more };
  return el("button", attributes, text);
}

/**
 * An element that the page itself holds.
 * @param {string} id
 */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`the page has no #${id}`);
  return element;
}

/**
 * Writes text only where it changed, so that a screen reader is not told the same again.
 * @param {Element} element
 * @param {string} text
 */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** @param {unknown} error */
export function reason(error) {
  return error instanceof Error ? error.message : String(error);
}

/**
 * The address of something beside the page, which holds the token.
 * @param {string} path
 * @param {Query} query
 */
export function beside(path, query) {
  const url = new URL(path, location.href);
  url.hash = "";
  url.search = String(new URLSearchParams(Object.entries(query).map(([key, value]) => [key, String(value)])));
  return url;
}

/**
 * @param {string} path
 * @param {Query} query
 * @param {(data: any) => void} heard
 * @param {() => void} lost it was closed, but not by `drop`
 */
export function socket(path, query, heard, lost) {
  const url = beside(path, query);
  url.protocol = "ws:";
  const opened = new WebSocket(url);
  opened.binaryType = "arraybuffer";
  opened.onmessage = ({ data }) => heard(data);
  opened.onclose = lost;
  return opened;
}

/**
 * Closes a socket, of which nothing is heard any more.
 * @param {WebSocket | undefined} old
 */
export function drop(old) {
  if (!old) return;
  old.onmessage = old.onclose = null;
  old.close();
}

const drawn = new WeakMap();

/**
 * Fills an element, anew only where an item changed, so that focus stays.
 * @template T
 * @param {Element} element
 * @param {T[]} items
 * @param {(item: T) => Element} draw
 */
export function fill(element, items, draw) {
  const print = JSON.stringify(items);
  if (drawn.get(element) === print) return;
  drawn.set(element, print);
  element.replaceChildren(...items.map((item) => draw(item)));
}

/**
 * What the server answers, as JSON; a refusal is an error whose text says what to do.
 * @param {string} path
 * @param {Query} [query]
 * @param {string} [method]
 */
export async function ask(path, query = {}, method = "GET") {
  let response;
  try {
    response = await fetch(beside(path, query), { method, signal: AbortSignal.timeout(60000) });
  } catch {
    throw new Error("What serves this page does not answer. Is it still running?");
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.what_to_do ?? `The answer was ${response.status}.`);
  return answer;
}
