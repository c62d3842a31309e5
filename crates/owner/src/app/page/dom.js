// Elements, times and numbers. Text only ever goes in as text.

/** An element with attributes (a function is a listener, a boolean a property) and children (strings are text). */
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(key, value);
    else if (typeof value === "boolean") element[key] = value;
    else if (value !== undefined && value !== null) element.setAttribute(key, value);
  }
  element.append(...children.flat().filter((child) => child !== undefined && child !== null));
  return element;
}

/** Writes text only where it changed, so that a screen reader is not told the same again. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const pad = (number) => String(number).padStart(2, "0");

/** The local time of day of Unix microseconds. */
export function clock(us, seconds = true) {
  const date = new Date(us / 1000);
  const minutes = `${pad(date.getHours())}:${pad(date.getMinutes())}`;
  return seconds ? `${minutes}:${pad(date.getSeconds())}` : minutes;
}

/** The local day and time of Unix microseconds. */
export function moment(us) {
  const date = new Date(us / 1000);
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} ${clock(us)}`;
}

/** How long, in the largest fitting unit. */
export function lasting(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 120) return `${whole} s`;
  if (whole < 7200) return `${Math.round(whole / 60)} min`;
  if (whole < 172800) return `${Math.round(whole / 3600)} h`;
  return `${Math.round(whole / 86400)} days`;
}

export function size(bytes) {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

export function rate(bits) {
  return bits < 1e6 ? `${Math.round(bits / 1e3)} kbit/s` : `${(bits / 1e6).toFixed(1)} Mbit/s`;
}

/** A WebSocket of the app, beside the page: its address holds the token. */
export function socket(path, query) {
  const url = new URL(path, location.href);
  url.protocol = "ws:";
  url.hash = "";
  url.search = new URLSearchParams(query);
  const opened = new WebSocket(url);
  opened.binaryType = "arraybuffer";
  return opened;
}

/** What the app answers, as JSON; a refusal is an error whose text says what to do. */
export async function ask(path, query = {}, method = "GET") {
  const url = new URL(path, location.href);
  url.hash = "";
  url.search = new URLSearchParams(query);
  let response;
  try {
    response = await fetch(url, { method, signal: AbortSignal.timeout(60000) });
  } catch {
    throw new Error("The app does not answer. Is `candor owner app` still running?");
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.what_to_do ?? `The app answered ${response.status}.`);
  return answer;
}
