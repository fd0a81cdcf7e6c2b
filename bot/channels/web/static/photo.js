/** A photo before it is sent: made small enough, looked at, given a caption. */

import { byId, el, hasMouse, isSendKey } from "./dom.js";

/** A problem is seen well enough at this size, and an old phone on a weak network can send it. */
const LONGEST_SIDE = 2048;
const SMALL_ENOUGH = 1.5 * 1024 * 1024;
const TRIES = [
  { side: LONGEST_SIDE, quality: 0.86 },
  { side: 1440, quality: 0.75 },
  { side: 1024, quality: 0.65 },
];
const THUMBNAIL_SIDE = 480;

/**
 * Pixels are shown on a canvas rather than as a blob: address, which the page's content policy need
 * not allow then.
 * @returns {Promise<{blob: Blob, face: HTMLCanvasElement|null}>} face is null if this browser cannot
 *   read the format (HEIC); the server may still.
 */
export async function preparePhoto(file, limitBytes) {
  const bitmap = await bitmapOf(file);
  if (!bitmap) return { blob: file, face: null };
  const face = canvasOf(bitmap, THUMBNAIL_SIDE);
  const blob = isFineAsItIs(file, bitmap, limitBytes) ? file : await shrink(bitmap, limitBytes);
  bitmap.close();
  return { blob: blob ?? file, face };
}

export async function thumbnailOf(blob) {
  const bitmap = await bitmapOf(blob);
  return bitmap && canvasOf(bitmap, THUMBNAIL_SIDE);
}

async function bitmapOf(blob) {
  try {
    return await createImageBitmap(blob);
  } catch {
    return null;
  }
}

function isFineAsItIs(file, bitmap, limitBytes) {
  const small = file.size <= SMALL_ENOUGH && Math.max(bitmap.width, bitmap.height) <= LONGEST_SIDE;
  return small && file.size <= limitBytes;
}

async function shrink(bitmap, limitBytes) {
  let blob = null;
  for (const { side, quality } of TRIES) {
    const canvas = canvasOf(bitmap, side);
    blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", quality));
    if (blob && blob.size <= limitBytes) return blob;
  }
  return blob;
}

function canvasOf(bitmap, longestSide) {
  const scale = Math.min(1, longestSide / Math.max(bitmap.width, bitmap.height));
  const canvas = el("canvas", {
    width: Math.max(1, Math.round(bitmap.width * scale)),
    height: Math.max(1, Math.round(bitmap.height * scale)),
  });
  const context = canvas.getContext("2d");
  // JPEG has no transparency: without this a screenshot's clear parts turn black.
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas;
}

/** The sheet that asks "this one?" before anything is sent. */
export class PhotoSheet {
  #dialog = byId("photo-sheet");
  #picture = byId("photo-picture");
  #caption = byId("photo-caption");
  #pending = null;

  /** `onSend(photo, caption)`. */
  constructor({ onSend }) {
    this.onSend = onSend;
    byId("photo-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    byId("photo-cancel").addEventListener("click", () => this.#dialog.close());
    this.#caption.addEventListener("keydown", (event) => this.#key(event));
    this.#dialog.addEventListener("close", () => this.#picture.replaceChildren());
  }

  ask(photo, name) {
    this.#pending = photo;
    this.#caption.value = "";
    this.#picture.replaceChildren(photo.face ?? el("p", { class: "picture-missing" }, name || "图片"));
    photo.face?.setAttribute("role", "img");
    photo.face?.setAttribute("aria-label", "要发送的图片");
    if (!this.#dialog.open) this.#dialog.showModal();
    if (hasMouse.matches) this.#caption.focus();
  }

  #send() {
    const photo = this.#pending;
    this.#pending = null;
    // Emptied first: the same canvas goes on living in the bubble.
    this.#picture.replaceChildren();
    this.#dialog.close();
    if (photo) this.onSend(photo, this.#caption.value.trim());
  }

  #key(event) {
    if (!isSendKey(event)) return;
    event.preventDefault();
    this.#send();
  }
}

/** A photo of the conversation, as large as the screen. */
export class Viewer {
  #dialog = byId("viewer");
  #image = byId("viewer-image");

  constructor() {
    this.#dialog.addEventListener("click", () => this.#dialog.close());
    this.#dialog.addEventListener("close", () => this.#image.removeAttribute("src"));
  }

  show(source) {
    this.#image.src = source;
    this.#dialog.showModal();
  }
}
