/** What an empty chat says to somebody who has never been here. */

import { el } from "./dom.js";
import { linked } from "./links.js";

const EXAMPLES = [
  "富邦小区河边那片晚上没法开窗，胳膊上全是包",
  "园林小区3号楼楼道灯不亮了",
  "有人从5楼拉线下来给电动车充电",
];

/** `onExample(text)` fills the input; nothing is sent. */
export function residentHint(onExample) {
  const examples = EXAMPLES.map((text) =>
    el("button", { type: "button", class: "example", "data-testid": "example", onclick: () => onExample(text) }, text),
  );
  return el(
    "section",
    { class: "hint", "data-testid": "hint", "aria-label": "怎么说" },
    el("p", {}, "小区里有什么事，直接跟小哨说，像跟邻居说话一样就行，也可以发照片。"),
    el("p", { class: "hint-lead" }, "比如，点一句试试："),
    ...examples,
    el("p", { class: "hint-danger" }, ...linked("有危险先打电话：火警 119，急救 120，报警 110")),
  );
}

export function staffHint() {
  return el(
    "section",
    { class: "hint", "data-testid": "hint", "aria-label": "怎么用" },
    el("p", {}, "有居民反映的事要您办，小哨会在这里告诉您。"),
    el("p", {}, "点右下角的 + ，可以看常用功能。"),
  );
}
