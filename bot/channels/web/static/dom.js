/** Elements are built here and only from text: nothing in this page ever parses HTML. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * el("button", {class: "send", type: "button", onclick: f}, "发送")
 * Functions become listeners, booleans become present/absent attributes, null is left out.
 */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child != null && child !== false));
  return node;
}

/** An icon of the sprite in chat.html; decorative, so the control that holds it carries the label. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}

export const byId = (id) => document.getElementById(id);

/** Same layout question as the media query in chat.css: one pane or two? */
export const onePane = matchMedia("(max-width: 759px)");

/** A mouse means a real keyboard: there Enter sends. On a touch screen Enter makes a new line. */
export const hasMouse = matchMedia("(hover: hover) and (pointer: fine)");

export const calm = matchMedia("(prefers-reduced-motion: reduce)");

/** An Enter that picks a word in a Chinese input method is not "send"; Safari tells only by the 229. */
export function isSendKey(event) {
  const picksWord = event.isComposing || event.keyCode === 229;
  return event.key === "Enter" && !event.shiftKey && !picksWord && hasMouse.matches;
}
