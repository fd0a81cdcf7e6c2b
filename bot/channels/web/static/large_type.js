/** 标准 or 大字, remembered on this device. */

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

function apply(large) {
  document.documentElement.classList.toggle("large", large);
  for (const control of switches()) control.setAttribute("aria-checked", String(large));
}
