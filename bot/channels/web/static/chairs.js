/** The demo's list of conversations: each row is a chair one can sit in, drawn as WeChat draws a chat. */

import { el } from "./dom.js";

const HEADINGS = { resident: "居民", staff: "工作人员" };
const WHITE_CONTRAST = 4.5;

export function avatar(chair) {
  const face = el("span", { class: "avatar", "aria-hidden": "true" }, chair.avatar || chair.name.slice(0, 1));
  face.style.backgroundColor = readableUnderWhite(chair.color);
  return face;
}

export function botAvatar() {
  return el("img", { class: "avatar", src: "/static/icon.svg", alt: "" });
}

/** "居民 · 园林小区3号楼" */
export function post(chair) {
  return [chair.role, chair.hint].filter(Boolean).join(" · ");
}

export class Chairs {
  #nav;
  #signature = "";

  constructor(nav, onSit) {
    this.#nav = nav;
    this.onSit = onSit;
    nav.addEventListener("keydown", (event) => this.#arrow(event));
  }

  /** `rows`: chairs with `last`, `at`, `unread`, `current`. */
  show(rows) {
    // Redrawn only if something changed: a row that vanishes under the finger is not tapped.
    const signature = JSON.stringify(rows);
    if (signature === this.#signature) return;
    this.#signature = signature;
    const focused = document.activeElement?.dataset?.chat;
    this.#nav.replaceChildren(...groups(rows).flatMap(([heading, members]) => this.#group(heading, members)));
    if (focused) this.focus(focused);
  }

  focus(chat) {
    [...this.#buttons()].find((button) => button.dataset.chat === chat)?.focus({ preventScroll: true });
  }

  #buttons() {
    return this.#nav.querySelectorAll("button");
  }

  #group(heading, rows) {
    const list = el("ul", { "aria-label": heading }, ...rows.map((row) => el("li", {}, this.#row(row, heading))));
    return heading ? [el("h2", { class: "group" }, heading), list] : [list];
  }

  #row(row, heading) {
    return el(
      "button",
      {
        type: "button",
        class: "chair",
        "data-testid": `chair-${row.chat}`,
        "data-chat": row.chat,
        "aria-current": row.current ? "true" : null,
        "aria-label": spoken(row),
        onclick: () => this.onSit(row.chat),
      },
      el("span", { class: "chair-face" }, avatar(row), badge(row.unread)),
      el(
        "span",
        { class: "chair-words" },
        el(
          "span",
          { class: "chair-top" },
          el("span", { class: "chair-name" }, row.name),
          // Under the heading 居民 the word need not be said again.
          row.role !== heading && el("span", { class: `role ${row.audience}` }, row.role),
          el("span", { class: "chair-where" }, row.hint),
          el("span", { class: "chair-time" }, row.at),
        ),
        el("span", { class: "chair-last" }, row.draft && el("span", { class: "draft" }, "[草稿] "), lastWords(row)),
      ),
    );
  }

  #arrow(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    const buttons = [...this.#buttons()];
    const next = buttons[buttons.indexOf(document.activeElement) + step];
    if (!next) return;
    event.preventDefault();
    next.focus();
  }
}

export const count = (unread) => (unread > 99 ? "99+" : String(unread));

function badge(unread) {
  return unread > 0 && el("span", { class: "badge", "data-testid": "badge" }, count(unread));
}

const lastWords = (row) => row.draft || row.last || "还没有消息";

function spoken(row) {
  const unread = row.unread > 0 ? `，${row.unread}条未读` : "";
  return `坐到${row.name}的位置，${post(row)}${unread}${row.last ? `，最后一句：${row.last}` : ""}`;
}

/** Headings only where both kinds of people are there. */
function groups(rows) {
  const audiences = [...new Set(rows.map((row) => row.audience))];
  if (audiences.length < 2) return [["", rows]];
  return audiences.map((audience) => [HEADINGS[audience] ?? "其他", rows.filter((row) => row.audience === audience)]);
}

// --- colour ---

/** The colour given, darkened until white letters on it can be read. */
function readableUnderWhite(color) {
  let channels = rgb(color);
  while (1.05 / (luminance(channels) + 0.05) < WHITE_CONTRAST) channels = channels.map((channel) => channel * 0.94);
  return `rgb(${channels.map(Math.round).join(", ")})`;
}

function rgb(color) {
  const hex = /^#([0-9a-f]{3}|[0-9a-f]{6})$/i.exec(color ?? "")?.[1] ?? "578";
  const full = hex.length === 3 ? [...hex].map((digit) => digit + digit).join("") : hex;
  return [0, 2, 4].map((at) => parseInt(full.slice(at, at + 2), 16));
}

function luminance(channels) {
  const [red, green, blue] = channels.map((channel) => {
    const part = channel / 255;
    return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
