/** Draws one bubble with all that belongs to it: time stamp, avatar, buttons, state, what went wrong. */

import { el, icon } from "./dom.js";
import { linked } from "./links.js";
import { player } from "./voice.js";

/** Beyond this a message is folded: about a phone screen of text. */
const FOLD_CHARACTERS = 420;
const FOLD_LINES = 16;

const STATES = {
  sending: ["发送中", () => el("span", { class: "spinner" })],
  waiting: ["等网络恢复后自动发送", () => icon("waiting")],
  sent: ["已送达", () => icon("tick")],
};

/**
 * `item`: see items.js, plus `unfolded`. `acts`: onTap, onRetry, onDiscard, onUnfold, onLook;
 * `faces`: {me, bot} → avatar; `thumbnail(clientId)`: a canvas of it.
 */
export function drawBubble(item, { acts, faces, thumbnail }) {
  const mine = item.from === "me";
  const row = el(
    "div",
    {
      class: `row ${mine ? "mine" : "theirs"}`,
      "data-testid": "bubble",
      "data-bubble-id": item.id ?? "",
      "data-client-id": item.clientId,
      "data-from": item.from,
      "data-state": item.state,
    },
    faces[item.from](),
    el(
      "div",
      { class: item.buttons.length ? "said with-buttons" : "said" },
      el("span", { class: "spoken" }, mine ? "我：" : "小哨："),
      el("div", { class: "line" }, bubbleItself(item, acts, thumbnail), mine && stateMark(item, acts)),
      item.buttons.length > 0 && buttonRows(item, acts),
      item.state === "failed" && trouble(item, acts),
    ),
  );
  return el("div", { class: "entry" }, item.stamp && el("p", { class: "stamp" }, item.stamp), row);
}

/** Is the state all that an entry drawn for `before` must change to show `after`? */
export function canUpdateState(before, after) {
  return before.state === after.state || (before.state !== "failed" && after.state !== "failed");
}

/** 发送中 → 已送达 in place: a redrawn message would be read out twice by a screen reader. */
export function updateState(entry, before, after, { acts }) {
  if (before.state === after.state && before.id === after.id) return;
  const row = entry.querySelector(".row");
  row.dataset.bubbleId = after.id ?? "";
  if (before.state === after.state) return;
  row.dataset.state = after.state;
  row.querySelector(".mark")?.replaceWith(stateMark(after, acts));
}

function bubbleItself(item, acts, thumbnail) {
  const bubble = el("div", { class: "bubble" });
  if (item.hasPhoto) {
    bubble.classList.add("with-photo");
    bubble.append(picture(item, acts, thumbnail));
  }
  if (item.hasPhoto && item.text) bubble.classList.add("captioned");
  if (item.hasVoice) bubble.append(player(ownAddress(item.voice), item.from === "me"));
  if (item.text) bubble.append(...words(item, acts));
  return bubble;
}

// --- text ---

function words(item, acts) {
  const text = el("div", { class: "text" }, ...linked(item.text));
  if (!isLong(item.text)) return [text];
  text.classList.toggle("folded", !item.unfolded);
  const button = el(
    "button",
    { type: "button", class: "unfold", "aria-expanded": String(item.unfolded), onclick: () => acts.onUnfold(item.key) },
    item.unfolded ? "收起" : `展开全文（共${[...item.text].length}字）`,
  );
  return [text, button];
}

function isLong(text) {
  return text.length > FOLD_CHARACTERS || text.split("\n").length > FOLD_LINES;
}

// --- photo ---

function picture(item, acts, thumbnail) {
  const local = item.clientId ? thumbnail(item.clientId) : null;
  const source = ownAddress(item.photo);
  if (!source) return local ?? el("div", { class: "picture-missing" }, "图片");
  const image = el("img", { alt: `${item.from === "me" ? "我" : "小哨"}发的图片`, decoding: "async" });
  const button = el(
    "button",
    { type: "button", class: "picture", "aria-label": "看大图", onclick: () => acts.onLook(source) },
    local ?? image,
  );
  // What we just sent stays on screen until the server's copy has arrived: no flicker.
  if (local) image.addEventListener("load", () => button.replaceChildren(image));
  const missing = () => el("div", { class: "picture-missing" }, "图片打不开");
  image.addEventListener("error", () => !local && button.replaceWith(missing()));
  image.src = source;
  return button;
}

/** Only a path on this server: never another host, never a javascript: address. */
function ownAddress(path) {
  return typeof path === "string" && /^\/(?![/\\])/.test(path) ? path : null;
}

// --- buttons ---

function buttonRows(item, acts) {
  const rows = item.buttons.map((row) =>
    el("div", { class: "button-row" }, ...row.map((button) => oneButton(item, button, acts))),
  );
  return el("div", { class: "buttons", role: "group", "aria-label": "可以点的选项" }, ...rows);
}

function oneButton(item, { text, data }, acts) {
  const chosen = item.tapped === data;
  return el(
    "button",
    {
      type: "button",
      class: chosen ? "chosen" : null,
      "data-testid": "bubble-button",
      "data-data": data,
      disabled: item.tapped !== null,
      "aria-pressed": chosen ? "true" : null,
      onclick: () => acts.onTap(item.id, data),
    },
    chosen && icon("tick"),
    el("span", {}, text),
  );
}

// --- state of one's own message ---

function stateMark(item, acts) {
  if (item.state === "failed") {
    return el(
      "button",
      {
        type: "button",
        class: "mark failed",
        "data-testid": "resend",
        "aria-label": `没发出去：${item.reason}。点一下重发`,
        title: "点一下重发",
        onclick: () => acts.onRetry(item.clientId),
      },
      icon("warning"),
    );
  }
  if (!STATES[item.state]) return null;
  const [label, face] = STATES[item.state];
  return el("span", { class: `mark ${item.state}`, role: "img", "aria-label": label, title: label }, face());
}

function trouble(item, acts) {
  return el(
    "p",
    { class: "trouble" },
    el("span", {}, `没发出去：${item.reason}`),
    el("button", { type: "button", onclick: () => acts.onRetry(item.clientId) }, "重发"),
    el("button", { type: "button", onclick: () => acts.onDiscard(item.clientId) }, "删除"),
  );
}
