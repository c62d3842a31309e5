// The picture with its controls over the whole screen.

import { button, say } from "./dom.js";

export class Full {
  /**
   * @param {() => HTMLElement} stage picture and controls
   * @param {HTMLVideoElement} video the picture alone, for browsers that give the screen to nothing else
   */
  constructor(stage, video) {
    this.stage = stage;
    this.video = video;
    this.button = button("Full screen", "Full screen (F, or a double click on the picture)", () => this.toggle());
    this.button.hidden = !document.fullscreenEnabled && !("webkitEnterFullscreen" in video);
    video.addEventListener("dblclick", () => this.toggle());
    this.changed = () => say(this.button, document.fullscreenElement ? "Leave full screen" : "Full screen");
    document.addEventListener("fullscreenchange", this.changed);
  }

  close() {
    document.removeEventListener("fullscreenchange", this.changed);
  }

  toggle() {
    // Where the browser refuses, the page stays as it is.
    if (document.fullscreenElement) document.exitFullscreen().catch(() => {});
    else if (document.fullscreenEnabled) this.stage().requestFullscreen().catch(() => {});
    else if ("webkitEnterFullscreen" in this.video && typeof this.video.webkitEnterFullscreen === "function") this.video.webkitEnterFullscreen();
  }
}
