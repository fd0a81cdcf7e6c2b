/** Makes phone numbers and web addresses in plain text tappable, and nothing else. */

import { el } from "./dom.js";

const ADDRESS = String.raw`https?:\/\/[^\s<>"'\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]+`;
const MOBILE = String.raw`1[3-9]\d[ -]?\d{4}[ -]?\d{4}(?![\w-])`;
const LANDLINE = String.raw`0\d{2,3}[ -]?\d{7,8}(?![\w-])`;
const SERVICE = String.raw`[48]00-?\d{3}-?\d{4}(?![\w-])`;
// 120米 and 119室 are not emergencies.
const SHORT = String.raw`(?:110|119|120|122|12[0-9]{3}|95\d{3}|96\d{3,4})(?![\w.%:：-]|[元米平户人号楼栋室块天分度个份年月日])`;
const LINK = new RegExp([ADDRESS, MOBILE, LANDLINE, SERVICE, SHORT].map((part) => `(${part})`).join("|"), "g");
// A number that goes on to the left is a case number, an ID number, a price. (Tested by hand: a phone
// with an old Safari has no lookbehind.)
const GOES_ON = /[\w.*第¥￥-]$/;

/** Text as a list of strings and <a> elements. */
export function linked(text) {
  const parts = [];
  let from = 0;
  for (const match of text.matchAll(LINK)) {
    const found = match[1] ? withoutTrailingPunctuation(match[0]) : match[0];
    const link = match[1] ? addressLink(found) : phoneLink(found, text.slice(0, match.index));
    if (!link) continue;
    parts.push(text.slice(from, match.index), link);
    from = match.index + found.length;
  }
  parts.push(text.slice(from));
  return parts.filter((part) => part !== "");
}

function withoutTrailingPunctuation(address) {
  return address.replace(/[.,;:!?)\]}]+$/, "");
}

function addressLink(address) {
  let url;
  try {
    url = new URL(address);
  } catch {
    return null;
  }
  // A name before the @ can make a stranger's address look like ours.
  if (url.username || url.password) return null;
  // Plain http only to where this page itself comes from (the demo on 127.0.0.1).
  if (url.protocol !== "https:" && url.origin !== location.origin) return null;
  return el("a", { href: url.href, target: "_blank", rel: "noopener noreferrer" }, address);
}

function phoneLink(number, before) {
  if (GOES_ON.test(before)) return null;
  return el("a", { href: `tel:${number.replace(/[ -]/g, "")}`, "aria-label": `打电话 ${number}` }, number);
}
