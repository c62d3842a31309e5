// What is said of cameras, gaps, proofs and records. Pure.

import { lasting, moment, rate, when } from "./times.js";

// Segments that are under way at any time, and no sign of a camera that is behind.
const UNDER_WAY = 2;
// Seconds without a segment that are told of a camera that is online.
const SILENT = 30;
// Microseconds after which a relay that does not answer is away, and says no reason.
export const LATE = 30e6;
// Seconds after which what the log said is old.
const OLD = 600;

const ENDED = "retired: it films nothing more";

/**
 * What is known of a camera, in a few words.
 * @param {import("./answers").CameraStatus} camera
 * @param {number} now
 */
export function described(camera, now) {
  const newest = camera.newest_us === 0 ? "nothing stored yet" : `last segment ${when(camera.newest_us, now)}`;
  if (camera.retired) return `${ENDED} · ${newest}`;
  const offset = camera.clock_offset_ms / 1000;
  const sign = offset < 0 ? "−" : "+";
  const time = camera.clock_is_off ? `CLOCK OFF by ${lasting(Math.abs(offset))}` : `clock ${sign}${Math.abs(offset).toFixed(1)} s`;
  const silent = camera.online && camera.newest_us > 0 ? (now - camera.newest_us) / 1e6 : 0;
  const { state, text, troubles, notes } = camera.condition;
  const words = state === "filming" ? [] : [text];
  words.push(silent > SILENT ? `${newest} (${lasting(silent)} ago)` : newest);
  if (camera.bits_per_second !== null) words.push(rate(camera.bits_per_second));
  if (camera.waiting !== null && camera.waiting > UNDER_WAY) words.push(`${camera.waiting} segments wait at the camera`);
  return [...words, time, ...troubles.map((trouble) => trouble.text), ...notes].join(" · ");
}

/**
 * What is wrong with a camera, in a sentence; nothing while all is well. That it films all the same is said with it.
 * @param {import("./answers").CameraStatus} camera
 * @param {number} now
 */
export function wrong({ condition: { state, text, troubles }, newest_us, retired }, now) {
  if (retired) return "";
  const told = troubles.map((trouble) => trouble.text);
  if (state !== "filming") told.unshift(text);
  else if (told.length > 0 && newest_us > 0) told.unshift(`filmed ${lasting(Math.max(0, now - newest_us) / 1e6)} ago`);
  return told.join(" · ");
}

/** How good each state of a camera is: what is not seen to film is not good. */
/** @type {Record<import("./answers").Condition["state"], "good" | "warn" | "bad">} */
const KINDS = {
  filming: "good",
  "nothing-moves": "good",
  resting: "warn",
  "no-picture": "bad",
  "not-stored": "bad",
  silent: "bad",
  offline: "bad",
};

/**
 * How it is in a few words, and how good that is.
 * @param {import("./answers").CameraStatus} camera
 * @param {string} [away] why nothing that is said of it is of now
 * @returns {[string, "good" | "warn" | "bad"]}
 */
export function standing(camera, away = "") {
  const { retired, to_do, replaced, conflicts, clock_is_off } = camera;
  const { state, word, troubles } = camera.condition;
  if (to_do !== null) return [to_do, "bad"];
  if (retired) return ["retired", "warn"];
  if (conflicts > 0) return [`${word}, another camera has its key, or it was put back from a backup: give it a new key`, "bad"];
  // Two cameras with one key take each other's place at the relay, again and again; once is a
  // network that changed.
  if (replaced > 1) return [`${word}, replaced ${replaced} times: a copied key?`, "bad"];
  if (away !== "") return [away, "bad"];
  const kind = KINDS[state];
  return [word, kind === "good" && (clock_is_off || troubles.length > 0) ? "warn" : kind];
}

/**
 * What stands over a live picture that does not move: why, if that is known of the camera.
 * @param {string} text what the player says
 * @param {import("./answers").CameraStatus | undefined} camera
 */
export function over(text, camera) {
  if (text !== "" && camera?.retired) return ENDED;
  const isDark = camera !== undefined && ["no-picture", "resting", "offline"].includes(camera.condition.state);
  return text !== "" && isDark ? camera.condition.text : text;
}

/**
 * Why nothing that is said of cameras is of now; nothing while it is.
 * @param {import("./answers").Cameras} told
 * @param {number} [lost] when the app answered last, if it does not
 */
export function away({ relay_problem, relay_heard, now }, lost) {
  if (lost !== undefined) return `the app is away since ${when(lost, now)}`;
  if (relay_problem === null && now - relay_heard < LATE) return "";
  return relay_heard === 0 ? "the relay is not reached" : `the relay is away since ${when(relay_heard, now)}`;
}

const WITHOUT = { "not-dealt": "no share was dealt to it", destroyed: "it destroyed its key", lost: "it lost its key", "not-logged": "its key is not in the log", "cannot-judge": "the camera gave it no notice key" };

/**
 * How many trustees hold a share of what a camera films, and whether they are enough. A share is no
 * proof that its trustee still has the key: no more is said.
 * @param {import("./answers").Holders | null} holders
 * @param {number} now
 * @returns {[string, "good" | "warn" | "bad"]}
 */
export function held(holders, now) {
  if (holders === null) return ["Who holds shares of it is not known.", "warn"];
  const { until_us, trustees, needed, holding, unread, read_at, without } = holders;
  const what = until_us >= now ? "is filmed now" : "was filmed last";
  if (trustees === 0) return [`Nothing of what ${what} is escrowed.`, "good"];
  const names = without.map(({ trustee, why }) => `${trustee}: ${WITHOUT[why]}`).join("; ");
  const few = holding + unread < needed;
  const old = now / 1e6 - read_at > OLD;
  const text = `${few ? "TOO FEW: " : ""}${holding} of ${trustees} trustees hold a share of what ${what}; ${needed} ${needed === 1 ? "is" : "are"} needed${names && ` (${names})`}${unread > 0 ? `; of ${unread} more the log was not read yet` : ""}.${old ? ` The log was ${read_at > 0 ? `last read ${lasting(now / 1e6 - read_at)} ago` : "never read"}.` : ""}`;
  return [text, few ? "bad" : old || holding < trustees ? "warn" : "good"];
}

/** @param {import("./answers").Gap} gap */
export function missing({ from_us, to_us, reason }) {
  return `${lasting((to_us - from_us) / 1e6)} from ${when(from_us)} (${reason})`;
}

/**
 * The state of the proof, in one line.
 * @param {import("./answers").Proof} proof
 */
export function proven({ worth, head_size, witnesses, of_witnesses, age }) {
  const head = head_size === null ? "no verified head yet" : `log head ${head_size}, ${witnesses} of ${of_witnesses} witnesses, ${lasting(age)} ago`;
  return { unchecked: "checking the log", fresh: head, stale: `STALE: ${head}`, forked: "THE LOG HAS FORKED" }[worth];
}

/**
 * The same for whoever knows nothing of logs.
 * @param {import("./answers").Proof} proof
 */
export function checked({ worth, head_size, age, checked: last }) {
  const ago = head_size === null ? "not checked yet" : `checked ${lasting(last)} ago`;
  return { unchecked: "checking", fresh: ago, stale: head_size === null ? "NOT CHECKED" : `NOT CHECKED for ${lasting(age)}`, forked: "NOT TO BE TRUSTED" }[worth];
}

/**
 * What must be seen in every view; none while all is well.
 * @param {import("./answers").Proof} proof
 */
export function alarming({ worth, problem, unexpected, alarms, unreleasable }) {
  const texts = [];
  if (problem && (worth === "forked" || worth === "stale")) texts.push(problem);
  if (alarms > 0) texts.push("A camera films under a policy that is not yours, or the log lost a record of yours: open the audit.");
  if (unreleasable > 0) texts.push("What a camera films can be released to nobody: open the audit.");
  if (unexpected > 0 && worth !== "forked") {
    const releases = unexpected === 1 ? "1 record about your cameras is not yours." : `${unexpected} records about your cameras are not yours.`;
    texts.push(`${releases} See who got what, when and why in the audit.`);
  }
  return texts.join(" ");
}

const STATES = {
  asked: "Asked for; nobody granted it.",
  refused: "Asked for, and refused: nobody can open anything by it.",
  attempted: "Granted by too few trustees to open anything.",
  completed: "RELEASED: these minutes can be opened by who asked.",
};

/**
 * A release: what and by whom, why, and where that stands.
 * @param {import("./answers").Release} release
 */
export function released({ kind, agency, from, to, state, reason, leaf_index, when: seen, grants }) {
  return {
    what: `${kind} by ${agency ?? "you"}, ${moment(from)} to ${when(to, from)}. ${state ? STATES[state] : "Shared by you."}`,
    why: reason ?? "No reason stands in the log.",
    where: `Leaf ${leaf_index} of the log, in a head that your device verified; first seen ${moment(seen * 1e6)}; ${grants} grants. `,
  };
}
