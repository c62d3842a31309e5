// Times, lengths and sizes as people read them. Times are shown in the browser's own time zone.

/** @param {number} number */
const pad = (number) => String(number).padStart(2, "0");

/**
 * The local time of day of Unix microseconds.
 * @param {number} us
 */
export function clock(us, seconds = true) {
  const date = new Date(us / 1000);
  const minutes = `${pad(date.getHours())}:${pad(date.getMinutes())}`;
  return seconds ? `${minutes}:${pad(date.getSeconds())}` : minutes;
}

/**
 * The local day and time of Unix microseconds.
 * @param {number} us
 */
export function moment(us) {
  const date = new Date(us / 1000);
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} ${clock(us)}`;
}

/**
 * How far local time is ahead of UTC at a moment, seconds.
 * @param {number} us
 */
export function ahead(us) {
  return -new Date(us / 1000).getTimezoneOffset() * 60;
}

/**
 * The time zone in which a moment is shown.
 * @param {number} us
 */
export function zone(us) {
  const minutes = ahead(us) / 60;
  const [hours, rest] = [Math.trunc(Math.abs(minutes) / 60), Math.abs(minutes) % 60];
  return `UTC${minutes < 0 ? "−" : "+"}${pad(hours)}:${pad(rest)}`;
}

/**
 * How long, in the largest fitting unit.
 * @param {number} seconds
 */
export function lasting(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 120) return `${whole} s`;
  if (whole < 7200) return `${Math.round(whole / 60)} min`;
  if (whole < 172800) return `${Math.round(whole / 3600)} h`;
  return `${Math.round(whole / 86400)} days`;
}

/** @param {number} bytes */
export function size(bytes) {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** @param {number} bits in a second */
export function rate(bits) {
  return bits < 1e6 ? `${Math.round(bits / 1e3)} kbit/s` : `${(bits / 1e6).toFixed(1)} Mbit/s`;
}
