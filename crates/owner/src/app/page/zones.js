// Zones of the picture in which nothing is an event, painted over it with a mouse, a finger or the
// keyboard. They are kept as they are painted.

import { COLUMNS, ROWS, at, beside, between, parsed, placed, written } from "./cells.js";
import { ask, button, el, reason, say } from "./dom.js";

// So long after the last stroke zones are kept, milliseconds.
const REST = 300;

const WHAT = "What moves in the striped cells is no event: not on this page, also of what was filmed before, and not in an alarm that runs beside it. Everything is filmed all the same, but by a camera that films events only. Alarms on other devices do not know these cells.";

export class Zones {
  /**
   * @param {string} camera
   * @param {HTMLVideoElement} video over which they are painted
   * @param {() => void} changed they were kept
   * @param {(text: string) => void} failed is seen also when painting is over
   */
  constructor(camera, video, changed, failed) {
    this.camera = camera;
    this.video = video;
    this.changed = changed;
    this.failed = failed;
    /** What the camera was asked, and what it says it follows. @type {number | null | undefined} */
    this.asked = undefined;
    /** @type {number | null | undefined} */
    this.follows = undefined;
    /** @type {string | null} */
    this.problem = null;
    /** As the book has them, by what was heard last. */
    this.seen = "";
    /** @type {boolean[]} */
    this.ignored = [];
    this.cells = Array.from({ length: COLUMNS * ROWS }, (_, cell) => this.cell(cell));
    const rows = Array.from({ length: ROWS }, (_, row) => el("div", { role: "row" }, this.cells.slice(row * COLUMNS, (row + 1) * COLUMNS)));
    this.grid = el(
      "div",
      {
        class: "zones",
        role: "grid",
        hidden: true,
        "aria-label": "Zones to ignore. Arrow keys move, space paints or wipes a cell, Escape ends.",
        pointerdown: (event) => this.grab(event),
        keydown: (event) => this.key(event),
      },
      rows,
    );
    this.button = button("Zones", "Zones of the picture in which nothing is an event", () => this.toggle(), { "aria-expanded": "false" });
    this.status = el("span", { role: "status" });
    this.panel = el("div", { class: "bar painting", hidden: true }, el("p", {}, WHAT), button("Wipe all", "Ignore nothing", () => this.wipe()), button("Done", "End painting", () => this.toggle()), this.status);
    this.sized = new ResizeObserver(() => this.place());
    video.addEventListener("resize", () => this.place());
  }

  close() {
    this.sized.disconnect();
    // What was painted last is kept.
    if (this.resting !== undefined) this.keep();
  }

  /** @param {number} cell */
  cell(cell) {
    const label = `column ${(cell % COLUMNS) + 1}, row ${Math.floor(cell / COLUMNS) + 1}`;
    return el("div", { role: "gridcell", tabindex: cell === 0 ? "0" : "-1", "aria-label": label, "aria-selected": "false" });
  }

  async toggle() {
    // What was painted last is kept before it is read again.
    if (this.busy) return;
    const opens = this.grid.hidden;
    this.grid.hidden = this.panel.hidden = true;
    this.button.setAttribute("aria-expanded", "false");
    this.sized.disconnect();
    if (!opens) return this.button.focus();
    this.busy = true;
    say(this.status, "");
    try {
      if (this.resting !== undefined) await this.keep();
      this.take(await ask("api/zones", { camera: this.camera }));
    } catch (error) {
      return this.failed(reason(error));
    } finally {
      this.busy = false;
    }
    this.grid.hidden = this.panel.hidden = false;
    this.button.setAttribute("aria-expanded", "true");
    this.sized.observe(this.video);
    this.place();
    // On a phone the button is below the picture.
    this.grid.scrollIntoView({ block: "nearest" });
    this.cells.find((cell) => cell.tabIndex === 0)?.focus({ preventScroll: true });
  }

  /** @param {{ ignored: string, asked: number | null, problem: string | null }} told */
  take({ ignored, asked, problem }) {
    this.seen = ignored;
    this.heard(asked, problem);
    this.ignored = parsed(ignored);
    this.draw();
  }

  /**
   * @param {number | null} asked the number by which the camera says that it follows
   * @param {string | null} problem why it could not be asked
   */
  heard(asked, problem) {
    this.asked = asked;
    this.problem = problem;
    this.tell();
  }

  /** @param {number | null} [follows] the number that the camera says it follows */
  tell(follows = this.follows) {
    this.follows = follows;
    if (this.problem) say(this.status, `The camera could not be asked: ${this.problem}`);
    else if (typeof this.asked !== "number") say(this.status, "");
    else say(this.status, follows === this.asked ? "Kept; the camera follows." : "Kept; the camera has not taken this yet.");
  }

  draw() {
    this.cells.forEach((cell, at) => cell.setAttribute("aria-selected", String(this.ignored[at])));
  }

  /** Lays the cells over the picture, which may not fill its frame. */
  place() {
    const { clientWidth, clientHeight, videoWidth, videoHeight } = this.video;
    if (clientWidth === 0) return;
    const ratio = videoHeight > 0 ? videoWidth / videoHeight : 16 / 9;
    for (const [side, percent] of Object.entries(placed(clientWidth, clientHeight, ratio))) this.grid.style.setProperty(side, `${percent}%`);
  }

  /** @param {PointerEvent} event */
  pointed(event) {
    const { left, top, width, height } = this.grid.getBoundingClientRect();
    return at((event.clientX - left) / width, (event.clientY - top) / height);
  }

  /**
   * The first cell says whether a stroke paints or wipes.
   * @param {PointerEvent} event
   */
  grab(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    this.grid.setPointerCapture(event.pointerId);
    let last = this.pointed(event);
    const paints = !this.ignored[last];
    this.paint([last], paints);
    this.focus(last);
    const over = new AbortController();
    const stroke = (/** @type {PointerEvent} */ moved) => {
      const here = this.pointed(moved);
      this.paint(between(last, here), paints);
      last = here;
    };
    this.grid.addEventListener("pointermove", stroke, over);
    for (const end of ["pointerup", "pointercancel"]) this.grid.addEventListener(end, () => over.abort(), over);
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const here = event.target instanceof HTMLElement ? this.cells.findIndex((cell) => cell === event.target) : -1;
    const there = here < 0 ? undefined : beside(here, event.key);
    if (there !== undefined) this.focus(there);
    else if ([" ", "Enter"].includes(event.key) && here >= 0) this.paint([here], !this.ignored[here]);
    else if (event.key === "Escape") this.toggle();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {number} at */
  focus(at) {
    this.cells.forEach((cell, other) => (cell.tabIndex = other === at ? 0 : -1));
    this.cells[at].focus({ preventScroll: true });
  }

  wipe() {
    this.paint([...this.cells.keys()], false);
  }

  /**
   * @param {number[]} cells
   * @param {boolean} isIgnored
   */
  paint(cells, isIgnored) {
    for (const cell of cells) this.ignored[cell] = isIgnored;
    this.draw();
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.keep(), REST);
  }

  async keep() {
    clearTimeout(this.resting);
    this.resting = undefined;
    // One at a time: an older one that comes later would undo it.
    if (this.keeping) {
      this.again = true;
      return;
    }
    this.keeping = true;
    try {
      const painted = { camera: this.camera, seen: this.seen, ignored: written(this.ignored) };
      const { ignored, asked, problem } = await ask("api/zones", painted, "POST");
      this.seen = ignored;
      this.heard(asked, problem);
      this.changed();
    } catch (error) {
      this.failed(`The zones were not kept: ${reason(error)}`);
      // What is drawn is what the book has.
      await ask("api/zones", { camera: this.camera }).then((told) => this.take(told), () => {});
    }
    this.keeping = false;
    if (this.again) {
      this.again = false;
      await this.keep();
    }
  }
}
