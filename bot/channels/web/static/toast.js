/** A short notice over the page that goes by itself. */

import { byId, el } from "./dom.js";

const SHORTEST = 3_000;
/** Slow readers count too. */
const PER_CHARACTER = 150;
const LONGEST = 10_000;

export function toast(text) {
  const close = () => notice.remove();
  const notice = el(
    "button",
    { type: "button", class: "toast", "data-testid": "toast", title: "点一下关闭", onclick: close },
    text,
  );
  byId("toasts").replaceChildren(notice);
  setTimeout(close, Math.min(SHORTEST + text.length * PER_CHARACTER, LONGEST));
}
