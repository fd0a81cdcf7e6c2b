/** The scrolling conversation: keeps the DOM in step with the items, and the reader where they read. */

import { canUpdateState, drawBubble, updateState } from "./bubble.js";
import { calm, el } from "./dom.js";

/** Drawn at once; earlier ones come in such portions when one scrolls up. */
const PORTION = 60;
const AT_BOTTOM = 56;
const NEAR_TOP = 80;

export class Log {
  #scroller;
  #inner;
  #pill;
  #drawing;
  #entries = new Map();
  #limit = PORTION;
  #stuck = true;
  #unseen = 0;
  #fresh = true;
  #unfolded = new Set();
  #hint = null;
  #earlier = earlierButton(() => this.#showEarlier());
  #dots = typingDots();
  #last = { items: [], typing: false, hint: null };

  /** `drawing`: what drawBubble needs. `onSeen()`: the newest message is in view. */
  constructor({ scroller, inner, pill, drawing, onSeen }) {
    this.#scroller = scroller;
    this.#inner = inner;
    this.#pill = pill;
    this.#drawing = { ...drawing, acts: { ...drawing.acts, onUnfold: (key) => this.#toggleFold(key) } };
    this.onSeen = onSeen;
    scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    pill.addEventListener("click", () => this.toBottom({ smooth: true }));
    // Pictures that arrive late, large type, the keyboard: whoever was at the bottom stays there.
    const settle = new ResizeObserver(() => this.#stuck && this.toBottom());
    settle.observe(scroller);
    settle.observe(inner);
  }

  get atBottom() {
    return this.#stuck;
  }

  /** Another chat, or the first time: nothing in it is news. */
  clear() {
    this.#entries.clear();
    this.#inner.replaceChildren();
    this.#unfolded.clear();
    this.#limit = PORTION;
    this.#fresh = true;
    this.#stuck = true;
    this.#count(0);
    // Or a screen reader would read out the whole history.
    this.#scroller.setAttribute("aria-live", "off");
  }

  /** Everything drawn so far is history; what comes from here on is news. */
  goLive() {
    if (!this.#fresh) return;
    this.#fresh = false;
    setTimeout(() => this.#scroller.setAttribute("aria-live", "polite"), 300);
  }

  show(items, { typing = false, hint = null } = {}) {
    this.#last = { items, typing, hint };
    const shown = items.slice(-this.#limit);
    const news = this.#reconcile(shown);
    this.#place(this.#earlier, items.length > shown.length, (node) => this.#inner.prepend(node));
    this.#showHint(hint);
    this.#place(this.#dots, typing, (node) => this.#inner.append(node));
    if (this.#stuck) this.toBottom();
    else if (news) this.#count(this.#unseen + news);
  }

  toBottom({ smooth = false } = {}) {
    this.#stuck = true;
    this.#count(0);
    const behavior = smooth && !calm.matches ? "smooth" : "auto";
    this.#scroller.scrollTo({ top: this.#scroller.scrollHeight, behavior });
    this.onSeen();
  }

  // --- drawing ---

  /** Brings the entries in line with the items; says how many new ones came from the other side. */
  #reconcile(items) {
    const keys = new Set(items.map((item) => item.key));
    for (const [key, entry] of this.#entries) {
      if (keys.has(key)) continue;
      entry.node.remove();
      this.#entries.delete(key);
    }
    let news = 0;
    let previous = null;
    for (const item of items) {
      const isNew = !this.#entries.has(item.key);
      const node = this.#entryFor({ ...item, unfolded: this.#unfolded.has(item.key) }, isNew);
      const here = entryFrom(previous ? previous.nextElementSibling : this.#inner.firstElementChild);
      if (node !== here) this.#inner.insertBefore(node, here);
      previous = node;
      if (isNew && !this.#fresh && item.from === "bot") news += 1;
    }
    return news;
  }

  #entryFor(item, isNew) {
    const { state, id, ...rest } = item;
    const signature = JSON.stringify(rest);
    const known = this.#entries.get(item.key);
    const sameButState = known?.signature === signature && canUpdateState(known.item, item);
    const node = sameButState ? known.node : drawBubble(item, this.#drawing);
    if (sameButState) updateState(node, known.item, item, this.#drawing);
    else if (known) replaceKeepingFocus(known.node, node);
    else if (isNew && !this.#fresh) node.classList.add("arriving");
    this.#entries.set(item.key, { node, signature, item });
    return node;
  }

  #place(node, wanted, put) {
    if (!wanted) node.remove();
    else if (node.parentNode !== this.#inner || node === this.#dots) put(node);
  }

  #showHint(hint) {
    if (hint === this.#hint && (!hint || hint === this.#inner.lastElementChild)) return;
    this.#hint?.remove();
    this.#hint = hint;
    if (hint) this.#inner.append(hint);
  }

  #toggleFold(key) {
    const opened = !this.#unfolded.delete(key);
    if (opened) this.#unfolded.add(key);
    this.#stuck = false;
    const top = this.#scroller.scrollTop;
    this.#again();
    this.#scroller.scrollTop = top;
    if (!opened) this.#entries.get(key)?.node.scrollIntoView({ block: "nearest" });
  }

  #again() {
    const { items, typing, hint } = this.#last;
    this.show(items, { typing, hint });
  }

  // --- where the reader is ---

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    this.#stuck = scrollHeight - scrollTop - clientHeight < AT_BOTTOM;
    if (this.#stuck) {
      this.#count(0);
      this.onSeen();
    } else if (scrollTop < NEAR_TOP && this.#earlier.isConnected) {
      this.#showEarlier();
    }
  }

  #showEarlier() {
    const below = this.#scroller.scrollHeight - this.#scroller.scrollTop;
    const fresh = this.#fresh;
    this.#limit += PORTION;
    // Old ones are not news, whatever else goes on.
    this.#fresh = true;
    this.#again();
    this.#fresh = fresh;
    this.#scroller.scrollTop = this.#scroller.scrollHeight - below;
  }

  #count(unseen) {
    this.#unseen = unseen;
    this.#pill.hidden = unseen === 0;
    if (unseen) this.#pill.textContent = `↓ ${unseen} 条新消息`;
  }
}

/** This element or the first after it that is an entry (and not the hint, the dots, …). */
function entryFrom(element) {
  let entry = element;
  while (entry && !entry.classList.contains("entry")) entry = entry.nextElementSibling;
  return entry;
}

/** When the buttons under someone's finger or Tab key go away, the focus must not fall to the page's top. */
function replaceKeepingFocus(old, node) {
  const held = old.contains(document.activeElement);
  old.replaceWith(node);
  if (!held) return;
  const target = node.querySelector("button:not([disabled])") ?? node;
  if (target === node) node.tabIndex = -1;
  target.focus({ preventScroll: true });
}

function earlierButton(onclick) {
  return el("button", { type: "button", class: "earlier", onclick }, "看更早的消息");
}

function typingDots() {
  // The header says it in words; a screen reader should not hear it at every turn.
  return el(
    "div",
    { class: "row theirs typing", "data-testid": "typing", "aria-hidden": "true" },
    el("img", { class: "avatar", src: "/static/icon.svg", alt: "" }),
    el("div", { class: "bubble" }, el("i"), el("i"), el("i")),
  );
}
