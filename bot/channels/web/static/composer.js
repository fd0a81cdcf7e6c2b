/** Where one types: grows, counts, keeps a draft per chat, and the + panel beneath it. */

import { byId, el, hasMouse, icon, isSendKey } from "./dom.js";
import { forget, recall, remember } from "./memory.js";

export const LONGEST = 4000;
/** From here on it is worth knowing how much room is left. */
const COUNT_FROM = 3500;

export class Composer {
  #form = byId("composer");
  #text = byId("composer-text");
  #send = byId("send");
  #plus = byId("plus");
  #panel = byId("panel");
  #counter = byId("counter");
  #chat = null;

  /** `onText(text)`, `onCommand(command)`, `onPhoto(file)`. */
  constructor({ onText, onCommand, onPhoto }) {
    Object.assign(this, { onText, onCommand, onPhoto });
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#text.addEventListener("input", () => this.#changed());
    this.#text.addEventListener("keydown", (event) => this.#key(event));
    this.#text.addEventListener("focus", () => !hasMouse.matches && this.togglePanel(false));
    this.#text.addEventListener("paste", (event) => this.#dropped(event, event.clipboardData));
    // A button that takes the focus would fold the phone's keyboard away after every message.
    this.#send.addEventListener("pointerdown", (event) => event.preventDefault());
    this.#plus.addEventListener("click", () => this.togglePanel());
    this.#form.addEventListener("keydown", (event) => this.#leavePanel(event));
    for (const input of [byId("pick"), byId("shoot")]) {
      input.addEventListener("change", () => this.#picked(input));
    }
    this.#acceptDrops(byId("chat"));
    this.#keepFitting();
  }

  /** Another chat: another draft, another name on the field. */
  enter(chat, placeholder) {
    if (this.#chat !== chat) {
      this.#chat = chat;
      this.togglePanel(false);
      this.#text.value = recall(`draft.${chat}`) ?? "";
      this.#changed();
    }
    this.#text.placeholder = placeholder;
    this.#text.setAttribute("aria-label", placeholder);
  }

  fill(text) {
    this.#text.value = text;
    this.#changed();
    this.focus();
    this.#text.setSelectionRange(text.length, text.length);
  }

  focus() {
    this.#text.focus({ preventScroll: true });
  }

  showCommands(commands) {
    for (const tile of this.#panel.querySelectorAll(".tile-command")) tile.remove();
    for (const { command, title } of commands) this.#panel.append(this.#commandTile(command, title));
  }

  togglePanel(open = this.#panel.hidden) {
    if (this.#panel.hidden === !open) return;
    this.#panel.hidden = !open;
    this.#plus.setAttribute("aria-expanded", String(open));
    if (open && !hasMouse.matches) this.#text.blur();
  }

  // --- text ---

  #submit() {
    const text = this.#text.value.trim();
    if (!text || length(text) > LONGEST) return;
    this.#text.value = "";
    this.#changed();
    this.onText(text);
  }

  #key(event) {
    if (!isSendKey(event)) return;
    event.preventDefault();
    this.#submit();
  }

  #changed() {
    const text = this.#text.value;
    const characters = length(text.trim());
    this.#send.hidden = characters === 0;
    this.#plus.hidden = characters > 0;
    if (characters > 0) this.togglePanel(false);
    this.#send.disabled = characters > LONGEST;
    this.#count(characters);
    this.#grow();
    if (text) remember(`draft.${this.#chat}`, text);
    else forget(`draft.${this.#chat}`);
  }

  #count(characters) {
    const over = characters - LONGEST;
    this.#counter.hidden = characters < COUNT_FROM;
    this.#counter.classList.toggle("over", over > 0);
    this.#counter.textContent = over > 0 ? `太长了，多了${over}字，请分两次发` : `${characters}/${LONGEST}字`;
  }

  #grow() {
    this.#text.style.height = "auto";
    this.#text.style.height = `${this.#text.scrollHeight}px`;
  }

  /** Large type and a turned phone change how many lines the same words need. */
  #keepFitting() {
    let width = 0;
    new ResizeObserver(() => {
      if (this.#text.offsetWidth === width) return;
      width = this.#text.offsetWidth;
      this.#grow();
    }).observe(this.#text);
    new MutationObserver(() => this.#grow()).observe(document.documentElement, { attributeFilter: ["class"] });
  }

  // --- panel ---

  #commandTile(command, title) {
    const name = command.replace(/^\//, "");
    const face = name === "digest" || name === "help" ? name : "command";
    const onclick = () => {
      this.togglePanel(false);
      this.onCommand(command);
    };
    return el(
      "button",
      { type: "button", class: "tile tile-command", "data-testid": "command", "data-command": command, onclick },
      el("span", { class: "tile-face" }, icon(face)),
      el("span", {}, title),
    );
  }

  #leavePanel(event) {
    if (event.key !== "Escape" || this.#panel.hidden) return;
    this.togglePanel(false);
    this.#plus.focus();
  }

  // --- photos ---

  #picked(input) {
    const [file] = input.files;
    // Emptied, so that the same photo can be picked again.
    input.value = "";
    if (!file) return;
    this.togglePanel(false);
    this.onPhoto(file);
  }

  #dropped(event, transfer) {
    const file = [...(transfer?.files ?? [])].find((one) => one.type.startsWith("image/"));
    if (!file) return;
    event.preventDefault();
    this.onPhoto(file);
  }

  #acceptDrops(area) {
    area.addEventListener("dragover", (event) => event.preventDefault());
    area.addEventListener("drop", (event) => {
      // Or the browser would leave the page for the file.
      event.preventDefault();
      this.#dropped(event, event.dataTransfer);
    });
  }
}

/** In characters as people (and Python) count them: an emoji is one. */
function length(text) {
  return [...text].length;
}
