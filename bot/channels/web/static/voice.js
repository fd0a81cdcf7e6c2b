/** A voice message: recorded where the browser can, sent once, played in its bubble. */

import { byId, el } from "./dom.js";

const KINDS = ["audio/webm;codecs=opus", "audio/ogg;codecs=opus", "audio/mp4"];
/** What is shorter was a slip of the finger. */
const SHORTEST = 700;

/** Can this browser record, on this page? (Without https only on this very machine.) */
export function canRecord() {
  return Boolean(window.MediaRecorder && navigator.mediaDevices?.getUserMedia);
}

/** The button beside the composer: one tap begins, the next one sends; Escape throws it away. */
export class VoiceButton {
  #button = byId("record");
  #recorder = null;
  #parts = [];
  #since = 0;
  #limit = 0;
  #thrownAway = false;

  /** `onVoice(blob, seconds)`, `onTrouble(words)`, `limitSeconds()`. */
  constructor({ onVoice, onTrouble, limitSeconds }) {
    Object.assign(this, { onVoice, onTrouble, limitSeconds });
    this.#button.hidden = !canRecord();
    this.#button.addEventListener("click", () => this.#toggle());
    this.#button.addEventListener("keydown", (event) => event.key === "Escape" && this.#throwAway());
  }

  get recording() {
    return this.#recorder !== null;
  }

  async #toggle() {
    if (this.#recorder) {
      this.#recorder.stop();
      return;
    }
    this.#button.disabled = true;
    try {
      this.#begin(await navigator.mediaDevices.getUserMedia({ audio: true }));
    } catch {
      this.onTrouble("用不了话筒。请允许使用话筒，或者直接打字");
    } finally {
      this.#button.disabled = false;
    }
  }

  #begin(stream) {
    const mimeType = KINDS.find((kind) => MediaRecorder.isTypeSupported(kind));
    this.#recorder = new MediaRecorder(stream, mimeType ? { mimeType, audioBitsPerSecond: 32_000 } : {});
    this.#parts = [];
    this.#since = Date.now();
    this.#thrownAway = false;
    this.#recorder.addEventListener("dataavailable", ({ data }) => this.#parts.push(data));
    this.#recorder.addEventListener("stop", () => this.#done(stream));
    this.#recorder.start();
    this.#limit = setTimeout(() => this.#recorder?.stop(), this.limitSeconds() * 1000 - 500);
    this.#show(true);
  }

  #throwAway() {
    if (!this.#recorder) return;
    this.#thrownAway = true;
    this.#recorder.stop();
  }

  #done(stream) {
    clearTimeout(this.#limit);
    for (const track of stream.getTracks()) track.stop();
    const type = this.#recorder.mimeType;
    const lasted = Date.now() - this.#since;
    this.#recorder = null;
    this.#show(false);
    if (this.#thrownAway) return;
    if (lasted < SHORTEST) this.onTrouble("太短了，没有录上。点一下开始，说完再点一下");
    else this.onVoice(new Blob(this.#parts, { type }), Math.round(lasted / 1000));
  }

  #show(on) {
    this.#button.classList.toggle("recording", on);
    this.#button.setAttribute("aria-pressed", String(on));
    const label = on ? "说完了，点一下发送（按 Esc 不发）" : "录音：点一下开始说";
    this.#button.setAttribute("aria-label", label);
    this.#button.title = label;
    byId("record-words").textContent = on ? "正在录音，说完点一下发送" : "";
  }
}

/** What a bubble shows of a recording: something to play it with, and a line that says what it is. */
export function player(source, mine) {
  const words = mine ? "语音" : "居民的语音";
  if (!source) return el("p", { class: "voice-missing" }, "[语音]");
  return el("audio", { class: "voice", controls: true, preload: "metadata", src: source, "aria-label": words });
}
