// Sound: on or off, and how loud.

import { button, el, say } from "./dom.js";

export class Sound {
  /** @param {HTMLVideoElement} video */
  constructor(video) {
    this.video = video;
    video.muted = true;
    this.button = button("Unmute", "Sound on or off (M)", () => this.toggle());
    this.slider = el("input", { type: "range", class: "volume", min: 0, max: 1, step: 0.05, "aria-label": "Volume", input: () => this.set(Number(this.slider.value)) });
    this.draw();
  }

  /**
   * What is shown has sound, or none.
   * @param {boolean} is_there
   */
  has(is_there) {
    this.button.hidden = !is_there;
    this.slider.hidden = !is_there;
  }

  toggle() {
    this.video.muted = !this.video.muted;
    // What was turned down to nothing is heard again.
    if (!this.video.muted && this.video.volume === 0) this.video.volume = 0.5;
    this.draw();
  }

  /** @param {number} volume */
  set(volume) {
    this.video.volume = volume;
    this.video.muted = volume === 0;
    this.draw();
  }

  draw() {
    const { muted, volume } = this.video;
    say(this.button, muted ? "Unmute" : "Mute");
    this.slider.value = String(muted ? 0 : volume);
  }
}
