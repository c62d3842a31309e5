// The app: which view is shown, what every view is told every two seconds, and the state of the proof.

import { Audit } from "./audit.js";
import { Camera } from "./camera.js";
import { ask, lasting, say } from "./dom.js";
import { Grid } from "./grid.js";
import { Sharing } from "./sharing.js";

const EVERY = 2000;

const place = document.getElementById("view");
let view;
let last;

/** `#/`, `#/camera/ID`, `#/sharing`, `#/audit`. */
function route() {
  const [name, id] = location.hash.replace(/^#\/?/, "").split("/");
  view?.close();
  if (name === "camera") view = new Camera(decodeURIComponent(id ?? ""));
  else if (name === "audit") view = new Audit();
  else if (name === "sharing") view = new Sharing();
  else view = new Grid();
  place.replaceChildren(view.element);
  document.title = `${view.title} · Candor`;
  for (const [link, is] of [["to-cameras", name !== "audit" && name !== "sharing"], ["to-sharing", name === "sharing"], ["to-audit", name === "audit"]]) {
    if (is) document.getElementById(link).setAttribute("aria-current", "page");
    else document.getElementById(link).removeAttribute("aria-current");
  }
  if (last) view.update(last);
}

function proof(state) {
  const link = document.getElementById("proof");
  const { worth, head_size, witnesses, of_witnesses, age, problem, unexpected, alarms } = state;
  link.dataset.worth = worth;
  const head = head_size === null ? "no verified head yet" : `log head ${head_size}, ${witnesses} of ${of_witnesses} witnesses, ${lasting(age)} ago`;
  const text = { unchecked: "checking the log", fresh: head, stale: `STALE: ${head}`, forked: "THE LOG HAS FORKED" }[worth];
  say(document.getElementById("proof-text"), text);
  link.title = problem ?? "The last head of the log that this device verified. Open the audit.";
  const releases = unexpected === 1 ? "1 record about your cameras is not yours." : `${unexpected} records about your cameras are not yours.`;
  const alert = document.getElementById("alert");
  const texts = [];
  if (worth === "forked") texts.push(problem);
  if (worth === "stale" && problem) texts.push(problem);
  if (alarms > 0) texts.push("A camera films under a policy that is not yours, or the log lost a record of yours: open the audit.");
  alert.dataset.kind = worth === "forked" || alarms > 0 ? "alarm" : "notice";
  if (texts.length === 0 && unexpected > 0) texts.push(`${releases} See who got what, when and why in the audit.`);
  alert.hidden = texts.length === 0;
  say(alert, texts.join(" "));
}

async function refresh() {
  try {
    last = await ask("api/cameras");
    proof(last.proof);
    view.update(last);
  } catch (error) {
    const link = document.getElementById("proof");
    link.dataset.worth = "stale";
    say(document.getElementById("proof-text"), "not connected");
    const alert = document.getElementById("alert");
    alert.dataset.kind = "notice";
    alert.hidden = false;
    say(alert, error.message);
  }
  setTimeout(refresh, EVERY);
}

addEventListener("hashchange", () => {
  route();
  place.focus({ preventScroll: true });
});
route();
refresh();
