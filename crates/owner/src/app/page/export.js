// A span as a plain MP4: progress, then the browser's own download.

import { clock, el, lasting, say, size, socket } from "./dom.js";

export class Export {
  constructor(camera) {
    this.camera = camera;
    this.bar = el("progress", { max: "1", value: "0", "aria-label": "Export" });
    this.text = el("span", { role: "status" });
    this.cancel = el("button", { type: "button", click: () => this.close() }, "Cancel");
    this.files = el("ul", { class: "files" });
    this.element = el("div", { class: "export", hidden: true }, el("div", { class: "bar" }, this.bar, this.text, this.cancel), this.files);
  }

  start({ from, to }) {
    this.close();
    this.files.replaceChildren();
    this.bar.value = 0;
    this.running(true);
    say(this.text, "exporting");
    const mine = socket("api/export", { camera: this.camera, from: Math.floor(from), to: Math.ceil(to) });
    this.socket = mine;
    mine.onmessage = ({ data }) => {
      const told = JSON.parse(data);
      if (told.event === "progress") {
        this.bar.value = told.share;
        say(this.text, `${Math.round(told.share * 100)} %`);
      } else if (told.event === "ready") {
        this.end(`done${missing(told.gaps)}`);
        for (const file of told.files) this.offer(file);
      } else if (told.event === "failed") {
        this.end(told.reason);
      }
    };
    mine.onclose = () => {
      if (this.socket === mine) this.end("The export broke off: the app does not answer.");
    };
  }

  offer(file) {
    const link = el("a", { href: new URL(file.url, location.href), download: file.name }, file.name);
    const about = `${clock(file.from)} to ${clock(file.to)}, ${size(file.bytes)}, SHA-256 ${file.sha256.slice(0, 16)}…`;
    this.files.append(el("li", {}, link, el("span", { class: "quiet", title: file.sha256 }, ` ${about}`)));
    link.click();
    // A finished file is handed out once.
    link.removeAttribute("href");
  }

  running(is) {
    this.element.hidden = false;
    this.bar.hidden = !is;
    this.cancel.hidden = !is;
  }

  end(text) {
    this.socket = undefined;
    this.running(false);
    say(this.text, text);
  }

  close() {
    const old = this.socket;
    this.socket = undefined;
    if (!old) return;
    old.close();
    this.running(false);
    say(this.text, "cancelled");
  }
}

function missing(gaps) {
  if (gaps.length === 0) return "";
  const told = gaps.map((gap) => `${lasting((gap.to_us - gap.from_us) / 1e6)} at ${clock(gap.from_us)} (${gap.reason})`);
  return `; missing: ${told.join("; ")}`;
}
