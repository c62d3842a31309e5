// What the log says about own cameras: every record, the owner's own ones included.

import { ask, el, fill, reason, say } from "./dom.js";
import { lasting, moment } from "./times.js";
import { held } from "./words.js";

const EVERY = 5000;
const HEADING = ["Leaf", "First seen", "Camera", "What", "By", "Epochs", "Grants", "State", "Yours", "Reason"];
/** @typedef {import("./answers").Proof} Proof */
/** @typedef {import("./answers").Row} Row */

const STATES = { asked: "asked for, not granted", refused: "asked for, and refused", attempted: "granted by too few to open", completed: "RELEASED" };

export class Audit {
  constructor() {
    this.title = "Audit";
    this.verdict = el("p", { class: "verdict", role: "status" }, "Reading the log.");
    this.head = el("p", { class: "quiet" });
    this.alarms = el("ul", { class: "alarms" });
    this.held = el("ul", { class: "alarms held" });
    this.rows = el("tbody");
    this.again = el("button", { type: "button", click: () => this.now() }, "Audit now");
    this.table = el(
      "div",
      { class: "wide", tabindex: "0", role: "region", "aria-label": "Records about your cameras" },
      el(
        "table",
        // Said again, because a narrow screen lays it out as cards.
        { role: "table" },
        el("caption", {}, "Every record of the log about your cameras, newest first. The log cannot leave one out unnoticed."),
        el("thead", {}, el("tr", { role: "row" }, ...HEADING.map((text) => el("th", { scope: "col", role: "columnheader" }, text)))),
        this.rows,
      ),
    );
    this.element = el("section", { class: "page", "aria-label": "Audit" }, el("h1", {}, "Who was given your footage"), this.verdict, this.alarms, this.held, el("div", { class: "bar" }, this.again, this.head), this.table);
    this.timer = setInterval(() => this.load(), EVERY);
    this.load();
  }

  close() {
    clearInterval(this.timer);
  }

  /** @param {{ proof: Proof }} told */
  update({ proof }) {
    if (proof.head_size === null) return;
    say(this.head, `Log head ${proof.head_size}, cosigned by ${proof.witnesses} of ${proof.of_witnesses} witnesses ${lasting(proof.age)} ago.`);
  }

  async now() {
    this.again.disabled = true;
    await this.load(true);
    this.again.disabled = false;
  }

  async load(now = false) {
    try {
      const { report, proof } = now ? await ask("api/audit/now", {}, "POST") : await ask("api/audit");
      this.update({ proof });
      if (report) this.draw(report, proof);
      else if (proof.problem) this.say(proof.problem, "bad");
    } catch (error) {
      this.say(reason(error), "bad");
    }
  }

  /**
   * @param {string} text
   * @param {"good" | "bad"} kind
   */
  say(text, kind) {
    say(this.verdict, text);
    this.verdict.dataset.kind = kind;
  }

  /**
   * @param {import("./answers").Report} report
   * @param {Proof} proof
   */
  draw(report, proof) {
    const foreign = report.rows.filter((row) => !row.expected);
    const released = foreign.filter((row) => row.state === "completed").length;
    if (proof.worth === "forked") this.say(proof.problem ?? "The log has forked.", "bad");
    else if (foreign.length === 0) this.say("Nobody asked for your footage: every record about your cameras is your own.", "good");
    else this.say(`${foreign.length === 1 ? "1 record is" : `${foreign.length} records are`} not yours; ${released} ${released === 1 ? "release was" : "releases were"} completed.`, "bad");
    fill(this.alarms, report.policy_alarms, (alarm) => el("li", {}, alarm));
    const unknown = report.holders_unknown.map((camera) => ({ camera, of: null }));
    const said = [...report.unreleasable.map((text) => ({ text, kind: "bad" })), ...report.unchecked.map((text) => ({ text, kind: "warn" }))];
    const told = [...report.holders.map((of) => ({ camera: of.camera, of })), ...unknown].map(({ camera, of }) => {
      const [text, kind] = held(of, Date.now() * 1000);
      return { text: `${camera}: ${text}`, kind };
    });
    fill(this.held, [...said, ...told], ({ text, kind }) => el("li", { "data-kind": kind }, text));
    fill(this.rows, [...report.rows].reverse(), line);
  }
}

/** @param {Row} row */
function line(row) {
  const second = row.track === 0 ? "" : " (second picture)";
  const epochs = row.epochs ? `${row.epochs[0] === row.epochs[1] ? row.epochs[0] : `${row.epochs[0]}–${row.epochs[1]}`}${second}` : "–";
  const cells = [
    row.leaf_index,
    moment(row.when * 1e6),
    row.camera,
    row.kind,
    row.agency ?? "–",
    epochs,
    row.state ? row.grants : "–",
    row.state ? STATES[row.state] : "–",
    row.expected ? "yes" : "NO",
    [row.reason, ...row.remarks].filter(Boolean).join("; ") || "–",
  ];
  const cell = (/** @type {string | number} */ text, /** @type {number} */ at) => el("td", { role: "cell", "data-heading": HEADING[at], class: at === HEADING.length - 1 ? "reason" : null }, el("span", {}, String(text)));
  return el("tr", { role: "row", class: row.expected ? "own" : "foreign" }, ...cells.map(cell));
}
