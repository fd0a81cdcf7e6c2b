/**
 * What this person said that the server has not confirmed yet: texts, taps, photos and recordings, in order, each
 * under the client_id by which the server recognises a repetition. Survives a reload and a lost network.
 */

import { forget, recallAll, remember } from "./memory.js";
import { Refused, sendPhoto, sendVoice } from "./server.js";
import { dropPhoto, keepPhoto, keptPhoto } from "./unsent_photos.js";

const KEY = "unsent.";
/** A live line answers faster than this; otherwise it is not live. */
const ACK_TIMEOUT = 15_000;
const MOST_SILENCES = 4;
const PHOTO_RETRY = 5_000;

export class Unsent {
  #entries = new Map();
  #photos = new Map();
  #watch = 0;
  #order = 0;

  /**
   * isReady(), send(message), reconnect(): the line. onChange(entry): redraw.
   * onSettled(entry, bubble|null), onFailed(entry): how it ended.
   */
  constructor({ isReady, send, reconnect, onChange, onSettled, onFailed }) {
    Object.assign(this, { isReady, send, reconnect, onChange, onSettled, onFailed });
    for (const entry of recallAll(KEY).sort((a, b) => a.order - b.order)) {
      this.#entries.set(entry.client_id, { ...entry, inFlight: false, silences: 0 });
    }
  }

  addText(chat, text) {
    this.#add({ chat, kind: "text", text });
  }

  addTap(chat, bubble, data) {
    this.#add({ chat, kind: "tap", bubble, data });
  }

  addPhoto(chat, photo, caption) {
    const entry = this.#entry({ chat, kind: "photo", caption });
    this.#photos.set(entry.client_id, photo);
    keepPhoto(entry.client_id, photo);
    this.#enter(entry);
    return entry.client_id;
  }

  addVoice(chat, voice, seconds) {
    const entry = this.#entry({ chat, kind: "voice", seconds });
    this.#photos.set(entry.client_id, voice);
    keepPhoto(entry.client_id, voice);
    this.#enter(entry);
  }

  /** What is to be seen as a bubble of this chat; a tap shows on its button instead. */
  bubbles(chat) {
    return [...this.#entries.values()].filter((entry) => entry.chat === chat && entry.kind !== "tap");
  }

  taps() {
    return [...this.#entries.values()].filter((entry) => entry.kind === "tap");
  }

  /** Photos that an earlier life of this page left behind. */
  photosKept() {
    return [...this.#entries.values()].filter((entry) => entry.kind === "photo").map((entry) => entry.client_id);
  }

  /** The line is back: say everything again that was not confirmed. */
  resume() {
    for (const entry of this.#entries.values()) if (!isFile(entry)) entry.inFlight = false;
    this.#pump();
  }

  settle(clientId, bubble = null) {
    const entry = this.#entries.get(clientId);
    if (!entry) return;
    this.#remove(entry);
    this.onSettled(entry, bubble);
    this.#pump();
  }

  refuse(clientId, reason) {
    const entry = this.#entries.get(clientId);
    if (!entry) return;
    this.#fail(entry, reason);
    this.#pump();
  }

  retry(clientId) {
    const entry = this.#entries.get(clientId);
    if (!entry || entry.state !== "failed") return;
    Object.assign(entry, { state: "sending", reason: null, silences: 0, inFlight: false });
    this.#store(entry);
    this.onChange(entry);
    this.#pump();
  }

  discard(clientId) {
    const entry = this.#entries.get(clientId);
    if (!entry) return;
    this.#remove(entry);
    this.onChange(entry);
  }

  // --- one entry ---

  #add(fields) {
    this.#enter(this.#entry(fields));
  }

  #entry(fields) {
    this.#order = Math.max(this.#order + 1, Date.now());
    const sending = { state: "sending", reason: null, silences: 0, inFlight: false };
    return { client_id: newId(), order: this.#order, ...sending, ...fields };
  }

  #enter(entry) {
    this.#entries.set(entry.client_id, entry);
    this.#store(entry);
    this.onChange(entry);
    this.#pump();
  }

  #store({ inFlight, silences, sentAt, ...entry }) {
    // One key each, so that two tabs never overwrite each other's messages.
    remember(KEY + entry.client_id, entry);
  }

  #remove(entry) {
    this.#entries.delete(entry.client_id);
    this.#photos.delete(entry.client_id);
    forget(KEY + entry.client_id);
    if (isFile(entry)) dropPhoto(entry.client_id);
  }

  #fail(entry, reason) {
    Object.assign(entry, { state: "failed", reason, inFlight: false });
    // A tap leaves no bubble to show the failure on: its button becomes free again.
    if (entry.kind === "tap") this.#remove(entry);
    else this.#store(entry);
    this.onFailed(entry);
  }

  // --- sending ---

  /** In each chat things go out in the order they were said; a photo waits its turn and is waited for. */
  #pump() {
    if (!this.isReady()) return;
    const unconfirmed = new Set();
    const blocked = new Set();
    for (const entry of this.#entries.values()) {
      if (entry.state === "failed" || blocked.has(entry.chat)) continue;
      if (isFile(entry) && unconfirmed.has(entry.chat)) blocked.add(entry.chat);
      else if (!entry.inFlight) this.#dispatch(entry);
      if (isFile(entry)) blocked.add(entry.chat);
      unconfirmed.add(entry.chat);
    }
    this.#watchForAcks();
  }

  #dispatch(entry) {
    entry.inFlight = true;
    if (isFile(entry)) {
      this.#upload(entry);
      return;
    }
    entry.sentAt = Date.now();
    entry.inFlight = this.send(asMessage(entry));
  }

  async #upload(entry) {
    const photo = this.#photos.get(entry.client_id) ?? (await keptPhoto(entry.client_id));
    if (!photo) {
      this.refuse(entry.client_id, entry.kind === "voice" ? "录音不见了，请再说一次" : "图片不见了，请重新选一张");
      return;
    }
    try {
      const { bubble } = await (entry.kind === "voice" ? sendVoice : sendPhoto)(entry, photo);
      this.settle(entry.client_id, bubble);
    } catch (error) {
      entry.inFlight = false;
      if (error instanceof Refused) {
        this.refuse(entry.client_id, error.message);
      } else if (this.isReady()) {
        this.#heardNothing(entry);
        setTimeout(() => this.#pump(), PHOTO_RETRY);
      }
    }
  }

  /** Silence on a line that seems good; a lost line does not count, that is nobody's fault. */
  #heardNothing(entry) {
    entry.silences += 1;
    if (entry.silences >= MOST_SILENCES) this.#fail(entry, "一直没有回音");
  }

  #watchForAcks() {
    clearTimeout(this.#watch);
    const waiting = [...this.#entries.values()].filter((entry) => entry.inFlight && !isFile(entry));
    if (!waiting.length) return;
    const oldest = Math.min(...waiting.map((entry) => entry.sentAt));
    this.#watch = setTimeout(() => this.#noAck(waiting), Math.max(oldest + ACK_TIMEOUT - Date.now(), 0));
  }

  #noAck(waiting) {
    if (!this.isReady()) return;
    for (const entry of waiting) if (this.#entries.has(entry.client_id)) this.#heardNothing(entry);
    this.reconnect();
  }
}

/** What goes up as a file of its own, not over the line. */
function isFile(entry) {
  return entry.kind === "photo" || entry.kind === "voice";
}

function asMessage({ kind, chat, client_id, text, bubble, data }) {
  return kind === "tap" ? { type: "tap", chat, client_id, bubble, data } : { type: "text", chat, client_id, text };
}

/** Not crypto.randomUUID: a phone that opens the page by the office's LAN address has none. */
function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
