/** 标准 or 大字, remembered on this device; 长辈版 in the chat turns it on by itself. */

import { recall, remember } from "./memory.js";

const switches = () => document.querySelectorAll("[data-large-type]");

export function startLargeType() {
  apply(recall("large") === true);
  for (const control of switches()) {
    control.addEventListener("click", () => {
      const large = !document.documentElement.classList.contains("large");
      remember("large", large);
      apply(large);
    });
  }
}

/** Asked for in the chat just now: so it is from here on. */
export function wearLarge(large) {
  remember("large", large);
  apply(large);
}

/** Known of the person from before; what was chosen on this device goes before it. */
export function wearLargeUnlessChosen(large) {
  if (recall("large") === null) apply(large);
}

function apply(large) {
  document.documentElement.classList.toggle("large", large);
  for (const control of switches()) control.setAttribute("aria-checked", String(large));
}
