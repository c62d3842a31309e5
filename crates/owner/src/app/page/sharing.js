// Who may watch each camera and who holds shares of its keys: the policy that the owner signed and
// the log holds.

import { ask, el, reason } from "./dom.js";
import { moment } from "./times.js";

/** @typedef {import("./answers").Policy} Policy */

export class Sharing {
  constructor() {
    this.title = "Sharing";
    this.list = el("div", { class: "policies" });
    this.element = el(
      "section",
      { class: "page", "aria-label": "Sharing" },
      el("h1", {}, "Who may watch, who holds shares"),
      el("p", { class: "quiet" }, "From the newest policy of each camera in this device's book: you signed it, and its record stands in the log. A camera hands its keys to nobody else."),
      this.list,
      el("p", { class: "quiet" }, "Only to look at: change the configuration, then run ", el("code", {}, "candor owner policy --apply"), ". What was filmed before keeps the policy it was filmed under."),
    );
    this.load();
  }

  update() {}

  close() {
    this.closed = true;
  }

  async load() {
    try {
      const { cameras, addresses } = await ask("api/sharing");
      if (this.closed) return;
      if (cameras.length === 0) this.list.replaceChildren(el("p", { class: "empty" }, "No camera is paired yet."));
      else this.list.replaceChildren(through(addresses), ...cameras.map(policy));
    } catch (error) {
      this.list.replaceChildren(el("p", { class: "empty" }, reason(error)));
    }
  }
}

/**
 * Who watches as this device does.
 * @param {string[]} addresses
 */
function through(addresses) {
  if (addresses.length === 0) return "";
  return el("p", {}, `Whoever has an address of this page watches as this device does. Addresses are kept for: ${addresses.join(", ")}.`);
}

/** @param {Policy} camera */
function policy(camera) {
  const { viewers, trustees, threshold, classes } = camera;
  const viewer = (/** @type {Policy["viewers"][number]} */ { device_id, is_this_device, role, until }) =>
    el(
      "li",
      {},
      is_this_device ? "this device" : el("code", {}, device_id.slice(0, 12)),
      role === "admin" ? ", admin: watches, and reads the notices of releases" : ", guest: watches",
      until === null ? "" : `, until ${moment(until * 1e6)}`,
    );
  const shares =
    trustees.length === 0
      ? "Nobody holds shares: nothing can be released but by you."
      : `${threshold} of these ${trustees.length} together can release minutes, after a record in the log (${classes.join(", ")}):`;
  return el(
    "article",
    { class: "policy" },
    el("h2", {}, camera.name),
    el("p", { class: "quiet" }, `Policy version ${camera.version}, leaf ${camera.leaf_index} of the log, since ${moment(camera.since * 1e6)}. Footage is kept ${camera.retention_days} days; a release is of whole ${camera.epoch_seconds} s epochs.`),
    otherwise(camera),
    el("h3", {}, "May watch"),
    viewers.length === 0 ? el("p", {}, "Nobody.") : el("ul", {}, ...viewers.map(viewer)),
    el("h3", {}, "Hold shares of the keys"),
    el("p", {}, shares),
    el("ul", {}, ...trustees.map((name) => el("li", {}, name))),
  );
}

/**
 * What the configuration would change, or why it makes no policy.
 * @param {Policy} policy
 */
function otherwise({ changes, fault }) {
  if (changes.length === 0 && !fault) return "";
  const told = changes.map(({ what, now, then }) => el("li", {}, `${what}: ${then} instead of ${now}`));
  return el(
    "div",
    { class: "otherwise" },
    el("h3", {}, "The configuration says otherwise"),
    el("ul", {}, ...told, ...(fault ? [el("li", {}, fault)] : [])),
  );
}
