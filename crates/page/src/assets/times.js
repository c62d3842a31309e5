// Times, lengths and sizes as people read them. Times are shown in the browser's own time zone.

/** @param {number} number */
const pad = (number) => String(number).padStart(2, "0");

// A local time read as UTC's is off by less than this, microseconds; clocks are not changed twice
// within two of it.
const OFF = 26 * 3600e6;

/**
 * The local time of day of Unix microseconds; with its offset from UTC where the day has it twice.
 * @param {number} us
 */
export function clock(us, seconds = true) {
  const date = new Date(us / 1000);
  const minutes = `${pad(date.getHours())}:${pad(date.getMinutes())}`;
  const told = seconds ? `${minutes}:${pad(date.getSeconds())}` : minutes;
  return named(day(us), minutes).length > 1 ? `${told} ${zone(us)}` : told;
}

/**
 * The local day of Unix microseconds.
 * @param {number} us
 */
export function day(us) {
  const date = new Date(us / 1000);
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
}

/**
 * The local day and time of Unix microseconds.
 * @param {number} us
 */
export function moment(us, seconds = true) {
  return `${day(us)} ${clock(us, seconds)}`;
}

/**
 * A moment beside another one: its day is told where it is not the other's.
 * @param {number} us
 * @param {number} [beside] today
 */
export function when(us, beside = Date.now() * 1000) {
  return day(us) === day(beside) ? clock(us) : moment(us);
}

/**
 * The moments that a local day and time name, in order: two where clocks go back, none where they go
 * forward over it.
 * @param {string} day `2026-10-25`
 * @param {string} time `02:30` or `02:30:00`
 */
export function named(day, time) {
  const said = Date.parse(`${day}T${time}Z`) * 1000;
  const offsets = new Set([ahead(said - OFF), ahead(said + OFF)]);
  const moments = [...offsets].map((offset) => said - offset * 1e6).filter((us) => us + ahead(us) * 1e6 === said);
  return moments.sort((a, b) => a - b);
}

/**
 * The moment at which a local day begins, and that at which the next one does.
 * @param {number} us any moment of it
 * @param {number} [later] so many days after it
 * @returns {[number, number]}
 */
export function bounds(us, later = 0) {
  const date = new Date(us / 1000);
  const [from, to] = [0, 1].map((more) => new Date(date.getFullYear(), date.getMonth(), date.getDate() + later + more).getTime() * 1000);
  return [from, to];
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
