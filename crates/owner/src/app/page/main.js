// The app: which view is shown, what every view is told every two seconds, and the state of the
// proof.

import { Audit } from "./audit.js";
import { Camera } from "./camera.js";
import { ask, byId, reason, say } from "./dom.js";
import { Grid } from "./grid.js";
import { Sharing } from "./sharing.js";
import { LATE, alarming, away, checked, proven } from "./words.js";

const EVERY = 2000;

const place = byId("view");
/** @type {Audit | Camera | Grid | Sharing | undefined} */
let view;
/** @type {import("./answers").Cameras | undefined} */
let last;
// When the app answered last, by this browser's clock.
let answered = Date.now() * 1000;

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
  const here = name === "audit" || name === "sharing" ? `to-${name}` : "to-cameras";
  for (const link of ["to-cameras", "to-sharing", "to-audit"]) {
    if (link === here) byId(link).setAttribute("aria-current", "page");
    else byId(link).removeAttribute("aria-current");
  }
  if (last) view.update(last);
}

/**
 * @param {string} text
 * @param {"notice" | "alarm"} kind
 */
function alert(text, kind) {
  const element = byId("alert");
  element.dataset.kind = kind;
  element.hidden = text === "";
  say(element, text);
}

/** @param {import("./answers").Proof} proof */
function show(proof) {
  const element = byId("proof");
  element.dataset.worth = proof.worth;
  element.title = proof.problem ?? "When this device last verified the log of whom footage was given to.";
  say(byId("proof-says"), checked(proof));
  say(byId("proof-text"), proven(proof));
  alert(alarming(proof), proof.worth === "forked" || proof.alarms > 0 ? "alarm" : "notice");
}

async function refresh() {
  try {
    /** @type {import("./answers").Cameras} */
    const told = await ask("api/cameras");
    answered = Date.now() * 1000;
    last = { ...told, away: away(told) };
    show(told.proof);
    view?.update(last);
  } catch (error) {
    if (last) {
      last = { ...last, away: away(last, answered) };
      view?.update(last);
    }
    byId("proof").dataset.worth = "stale";
    say(byId("proof-says"), "not connected");
    say(byId("proof-text"), "not connected");
    alert(reason(error), "notice");
  }
  setTimeout(refresh, EVERY);
}

// An app that hangs answers no question, and says so to none.
setInterval(() => {
  if (!last || Date.now() * 1000 - answered < LATE) return;
  last = { ...last, away: away(last, answered) };
  view?.update(last);
}, EVERY);

addEventListener("hashchange", () => {
  route();
  place.focus({ preventScroll: true });
});
route();
refresh();
