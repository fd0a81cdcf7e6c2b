/** The chat page: wires the parts together and decides what is shown. */

import { avatar, botAvatar, Chairs, count, post } from "./chairs.js";
import { Composer } from "./composer.js";
import { Connection } from "./connection.js";
import { byId, hasMouse, onePane } from "./dom.js";
import { residentHint, staffHint } from "./hint.js";
import { itemsOf } from "./items.js";
import { startLargeType, wearLarge, wearLargeUnlessChosen } from "./large_type.js";
import { Log } from "./log.js";
import { recall } from "./memory.js";
import { PhotoSheet, preparePhoto, thumbnailOf, Viewer } from "./photo.js";
import { whoAmI } from "./server.js";
import { Thread } from "./thread.js";
import { Clock } from "./times.js";
import { showTime, startTimeMachine } from "./time_machine.js";
import { toast } from "./toast.js";
import { Unsent } from "./unsent.js";
import { keptPhoto } from "./unsent_photos.js";
import { VoiceButton } from "./voice.js";

/** "Typing" whose end got lost must not go on for ever. */
const TYPING_LIMIT = 20_000;
/** A tap that was received but changed nothing gives its buttons back after this long. */
const TAP_PATIENCE = 20_000;
const DRAW_AFTER = 16;
const MINUTE = 60_000;
const MEGABYTE = 1024 * 1024;

class Chat {
  #me;
  #chairs = new Map();
  #threads = new Map();
  #clock = new Clock();
  #current = null;
  #lost = false;
  #caughtUp = false;
  #drawTimer = 0;
  #typingTimers = new Map();
  #thumbnails = new Map();
  #hints = new Map();

  #app = byId("app");
  #list = new Chairs(byId("chairs"), (chat) => this.#choose(chat));
  #viewer = new Viewer();
  #composer = new Composer({
    onText: (text) => this.#say(text),
    onCommand: (command) => this.#say(command),
    onPhoto: (file) => this.#askPhoto(file),
  });
  #photoSheet = new PhotoSheet({ onSend: (photo, caption) => this.#sayPhoto(photo, caption) });
  #log = new Log({
    scroller: byId("log"),
    inner: byId("log-inner"),
    pill: byId("pill"),
    onSeen: () => this.#markRead(),
    drawing: {
      acts: {
        onTap: (bubble, data) => this.#tap(bubble, data),
        onRetry: (clientId) => this.#unsent.retry(clientId),
        onDiscard: (clientId) => this.#unsent.discard(clientId),
        onLook: (source) => this.#viewer.show(source),
      },
      faces: { me: () => avatar(this.#chair), bot: botAvatar },
      thumbnail: (clientId) => this.#thumbnails.get(clientId),
    },
  });
  #unsent = new Unsent({
    isReady: () => this.#connection.ready,
    send: (message) => this.#connection.send(message),
    reconnect: () => this.#connection.restart(),
    onChange: () => this.#drawSoon(),
    onSettled: (entry, bubble) => this.#settled(entry, bubble),
    onFailed: (entry) => this.#failed(entry),
  });
  #connection = new Connection({
    hello: () => ({ type: "hello", chats: this.#heardSoFar() }),
    onMessage: (message) => this.#heard(message),
    onReady: () => this.#ready(),
    onTrouble: (lost) => this.#showTrouble(lost),
  });

  constructor(me) {
    this.#learn(me);
    for (const tap of this.#unsent.taps()) this.#threads.get(tap.chat)?.taps.set(tap.bubble, tap.data);
    this.#restoreThumbnails();
    new VoiceButton({
      onVoice: (blob, seconds) => this.#sayVoice(blob, seconds),
      onTrouble: (words) => toast(words),
      limitSeconds: () => this.#me.voice_limit_seconds ?? 60,
    });
    this.#app.dataset.demo = String(me.demo);
    this.#app.hidden = false;
    byId("list-subtitle").textContent = me.community;
    byId("back").addEventListener("click", () => this.#goBack());
    addEventListener("popstate", () => this.#followAddress());
    addEventListener("hashchange", () => this.#followAddress());
    onePane.addEventListener("change", () => this.#followAddress());
    document.addEventListener("visibilitychange", () => this.#drawSoon());
    setInterval(() => this.#drawSoon(), MINUTE);
    if (me.demo) startTimeMachine((now) => this.#setClock(now));
    this.#followAddress();
    this.#connection.restart();
  }

  get #chair() {
    return this.#chairs.get(this.#current);
  }

  get #thread() {
    return this.#threads.get(this.#current);
  }

  // --- who and where ---

  #learn(me) {
    this.#me = me;
    for (const chair of me.chairs) {
      this.#chairs.set(chair.chat, { ...chair });
      if (!this.#threads.has(chair.chat)) this.#threads.set(chair.chat, new Thread());
      this.#threads.get(chair.chat).readUpTo(chair.read ?? 0);
    }
    this.#clock.set(me.now);
  }

  /** The address names the open chat (#w1), so that a phone's own back button leads to the list. */
  #followAddress() {
    const named = decodeURIComponent(location.hash.slice(1));
    if (this.#chairs.has(named)) this.#sit(named, "chat");
    else if (this.#me.demo && onePane.matches) this.#sit(this.#current ?? this.#firstChair(), "list");
    else this.#sit(this.#current ?? this.#firstChair(), "chat");
  }

  #firstChair() {
    return this.#chairs.has(this.#me.current) ? this.#me.current : this.#me.chairs[0].chat;
  }

  #choose(chat) {
    const address = `#${encodeURIComponent(chat)}`;
    if (onePane.matches) history.pushState({ fromList: true }, "", address);
    else history.replaceState(null, "", address);
    this.#followAddress();
    if (onePane.matches) byId("log").focus({ preventScroll: true });
    else if (hasMouse.matches) this.#composer.focus();
  }

  #goBack() {
    if (history.state?.fromList) {
      history.back();
      return;
    }
    history.replaceState(null, "", location.pathname);
    this.#followAddress();
  }

  #sit(chat, view) {
    const cameToList = view === "list" && this.#app.dataset.view === "chat" && this.#current !== null;
    this.#app.dataset.view = view;
    this.#placeBanner();
    if (chat !== this.#current) {
      this.#current = chat;
      this.#log.clear();
      this.#composer.showCommands(this.#commandsOf(this.#chair));
      wearLargeUnlessChosen(this.#chair.large === true);
    }
    this.#composer.enter(chat, this.#placeholder());
    this.#draw();
    if (this.#caughtUp) this.#log.goLive();
    if (cameToList) this.#list.focus(chat);
  }

  #placeholder() {
    return this.#me.demo ? `以${this.#chair.name}的身份说` : "说说您的事";
  }

  /** The banner sits under the header of whichever pane is in sight. */
  #placeBanner() {
    const pane = this.#app.dataset.view === "list" ? byId("list") : byId("chat");
    const bar = pane.querySelector(".bar");
    if (bar.nextElementSibling !== byId("banner")) bar.after(byId("banner"));
  }

  // --- what the server says ---

  #heardSoFar() {
    return Object.fromEntries([...this.#threads].map(([chat, thread]) => [chat, thread.heard]));
  }

  #heard(message) {
    const thread = this.#threads.get(message.chat);
    switch (message.type) {
      case "bubble":
        if (thread) this.#hearBubble(message.chat, thread, message.bubble);
        break;
      case "ack":
        this.#unsent.settle(message.client_id, message.bubble ?? null);
        break;
      case "refused":
        this.#unsent.refuse(message.client_id, message.reason || "没有收下");
        break;
      case "typing":
        if (thread) this.#setTyping(message.chat, message.on);
        break;
      case "toast":
        if (thread && message.text) this.#toastFor(message.chat, thread, message.text);
        break;
      case "style":
        if (thread) this.#restyle(message.chat, message.large);
        break;
      case "clock":
        this.#setClock(message.now);
        break;
      case "unread":
        // Read on another device, or in another window.
        if (thread) thread.readUpTo(message.seq ?? 0);
        break;
    }
    this.#drawSoon();
  }

  #hearBubble(chat, thread, bubble) {
    thread.hear(bubble);
    if (bubble.from === "bot") this.#setTyping(chat, false);
    else if (bubble.client_id) this.#unsent.settle(bubble.client_id, bubble);
  }

  #setTyping(chat, on) {
    clearTimeout(this.#typingTimers.get(chat));
    this.#threads.get(chat).typing = on;
    if (on) this.#typingTimers.set(chat, setTimeout(() => this.#setTyping(chat, false), TYPING_LIMIT));
    this.#drawSoon();
  }

  #toastFor(chat, thread, text) {
    thread.releaseTapsInHand();
    toast(chat === this.#current ? text : `${this.#chairs.get(chat).name}：${text}`);
  }

  #restyle(chat, large) {
    this.#chairs.get(chat).large = large;
    if (chat === this.#current) wearLarge(large);
  }

  #setClock(now) {
    this.#clock.set(now);
    this.#drawSoon();
  }

  #ready() {
    const again = this.#caughtUp;
    this.#caughtUp = true;
    this.#draw();
    this.#log.goLive();
    this.#unsent.resume();
    // While we were away the counts and the clock went on.
    if (again) this.#refresh();
  }

  async #refresh() {
    const me = await whoAmI().catch(() => null);
    if (me) this.#learn(me);
    this.#drawSoon();
  }

  #showTrouble(lost) {
    this.#lost = lost;
    byId("banner").hidden = !lost;
    this.#drawSoon();
  }

  // --- what this person does ---

  #say(text) {
    this.#unsent.addText(this.#current, text);
    this.#followOwnWords();
  }

  #tap(bubble, data) {
    if (this.#thread.taps.has(bubble)) return;
    this.#thread.taps.set(bubble, data);
    this.#unsent.addTap(this.#current, bubble, data);
  }

  async #askPhoto(file) {
    if (file.type && !file.type.startsWith("image/")) {
      toast("这里只能发图片");
      return;
    }
    const limit = this.#me.photo_limit_mb ?? 10;
    const photo = await preparePhoto(file, limit * MEGABYTE);
    if (photo.blob.size > limit * MEGABYTE) toast(`图片太大了，不能超过${limit}MB`);
    else this.#photoSheet.ask(photo, file.name);
  }

  #sayPhoto({ blob, face }, caption) {
    const clientId = this.#unsent.addPhoto(this.#current, blob, caption);
    if (face) this.#thumbnails.set(clientId, face);
    this.#followOwnWords();
  }

  #sayVoice(blob, seconds) {
    this.#unsent.addVoice(this.#current, blob, seconds);
    this.#followOwnWords();
  }

  async #restoreThumbnails() {
    for (const clientId of this.#unsent.photosKept()) {
      const blob = await keptPhoto(clientId);
      const face = blob && (await thumbnailOf(blob));
      if (face) this.#thumbnails.set(clientId, face);
    }
    this.#drawSoon();
  }

  /** Who speaks wants to see it, wherever they had scrolled. */
  #followOwnWords() {
    this.#draw();
    this.#log.toBottom();
  }

  #settled(entry, bubble) {
    const thread = this.#threads.get(entry.chat);
    if (!thread) return;
    if (bubble) thread.take(bubble);
    if (entry.kind === "tap") {
      thread.tapInHand(entry.bubble);
      setTimeout(() => this.#releaseTap(thread, entry), TAP_PATIENCE);
    }
    this.#drawSoon();
  }

  #failed(entry) {
    if (entry.kind === "tap") {
      this.#releaseTap(this.#threads.get(entry.chat), entry);
      toast(`没有点成：${entry.reason}`);
    }
    this.#drawSoon();
  }

  #releaseTap(thread, entry) {
    // Not a later tap on another button of the same bubble.
    if (thread?.taps.get(entry.bubble) === entry.data) thread.releaseTap(entry.bubble);
    this.#drawSoon();
  }

  /** Is this chat before somebody's eyes right now? */
  #isWatched(chat) {
    const shown = this.#app.dataset.view === "chat" || !onePane.matches;
    return chat === this.#current && shown && document.visibilityState === "visible" && this.#log.atBottom;
  }

  #markRead() {
    const thread = this.#thread;
    if (!thread || !this.#isWatched(this.#current)) return;
    const seq = thread.newestSeq();
    if (seq <= thread.read || !this.#connection.send({ type: "read", chat: this.#current, seq })) return;
    thread.readUpTo(seq);
    this.#drawSoon();
  }

  // --- drawing ---

  /** Many messages in one breath, one drawing. (Not requestAnimationFrame: a hidden tab counts unread too.) */
  #drawSoon() {
    this.#drawTimer ||= setTimeout(() => this.#draw(), DRAW_AFTER);
  }

  #draw() {
    clearTimeout(this.#drawTimer);
    this.#drawTimer = 0;
    this.#drawHeader();
    this.#log.show(this.#items(), { typing: this.#thread.typing, hint: this.#hint() });
    this.#markRead();
    if (this.#me.demo) {
      this.#list.show([...this.#chairs.values()].map((chair) => this.#row(chair)));
      showTime(this.#clock);
    }
  }

  #drawHeader() {
    const { title, community, demo } = this.#me;
    const chair = this.#chair;
    // As WeChat does it: the name gives way to "typing".
    say("chat-title", this.#thread.typing ? "对方正在输入…" : title);
    say("chat-subtitle", demo ? `您现在是 ${chair.name} · ${post(chair)}` : community);
    const elsewhere = this.#unread((chair) => chair.chat !== this.#current);
    const all = this.#unread(() => true);
    say("back-count", elsewhere ? count(elsewhere) : "");
    byId("back").setAttribute("aria-label", elsewhere ? `返回会话列表，别处有${elsewhere}条未读` : "返回会话列表");
    say("list-title", all ? `会话(${count(all)})` : "会话");
    // Whose chat it is comes first: a tab shows little more than the first words.
    const inList = demo && onePane.matches && this.#app.dataset.view === "list";
    const whose = demo && (inList ? "会话" : `${chair.name}（${chair.role}）`);
    const name = [whose, title, community].filter(Boolean).join(" · ");
    document.title = all ? `(${count(all)}) ${name}` : name;
  }

  #unread(which) {
    return [...this.#chairs.values()].filter(which).reduce((sum, chair) => sum + this.#unreadIn(chair), 0);
  }

  #unreadIn(chair) {
    if (this.#isWatched(chair.chat)) return 0;
    // Until the socket has told us what was said we only know the server's count.
    return this.#caughtUp ? this.#threads.get(chair.chat).unread() : chair.unread ?? 0;
  }

  #row(chair) {
    const last = this.#threads.get(chair.chat).last();
    const current = chair.chat === this.#current;
    return {
      chat: chair.chat,
      name: chair.name,
      role: chair.role,
      avatar: chair.avatar,
      color: chair.color,
      hint: chair.hint,
      audience: chair.audience,
      current,
      unread: this.#unreadIn(chair),
      last: last ? this.#inOneLine(last, chair) : chair.last,
      at: last ? this.#clock.short(last.at) : "",
      draft: current ? null : recall(`draft.${chair.chat}`),
    };
  }

  #inOneLine({ kind, text, from }, chair) {
    const words = this.#wording(text ?? "", from, chair).replace(/\s+/g, " ").slice(0, 60);
    return `${{ photo: "[图片]", voice: "[语音]" }[kind] ?? ""}${words}`;
  }

  /** A command that was tapped reads as its title: 本周简报, not /digest. */
  #wording(text, from, chair = this.#chair) {
    const commands = this.#commandsOf(chair);
    return (from === "me" && commands.find(({ command }) => command === text)?.title) || text;
  }

  /** A server that gives a chair commands of its own is listened to. */
  #commandsOf(chair) {
    return chair.commands ?? this.#me.commands ?? [];
  }

  #hint() {
    const resident = this.#chair.audience !== "staff";
    const said = this.#thread.spokenIn() || this.#unsent.bubbles(this.#current).length > 0;
    const silent = resident ? !said : !said && this.#thread.bubbles().length === 0;
    if (!this.#caughtUp || !silent) return null;
    if (!this.#hints.has(resident)) {
      this.#hints.set(resident, resident ? residentHint((text) => this.#composer.fill(text)) : staffHint());
    }
    return this.#hints.get(resident);
  }

  #items() {
    return itemsOf({
      thread: this.#thread,
      unsent: this.#unsent.bubbles(this.#current),
      clock: this.#clock,
      lost: this.#lost,
      thumbnails: this.#thumbnails,
      wording: (text, from) => this.#wording(text, from),
    });
  }
}

/** Only touches the page if the words changed: headings are read out when they do. */
function say(id, words) {
  const node = byId(id);
  if (node.textContent !== words) node.textContent = words;
}

/** iOS slides its keyboard over the page instead of shrinking it; the composer must stay above. */
function keepAboveKeyboard() {
  const viewport = window.visualViewport;
  if (!viewport) return;
  const root = document.documentElement;
  viewport.addEventListener("resize", () => {
    const covered = viewport.scale === 1 && window.innerHeight - viewport.height > 100;
    if (covered) root.style.setProperty("--app-height", `${viewport.height}px`);
    else root.style.removeProperty("--app-height");
    if (covered) scrollTo(0, 0);
  });
}

async function introduce() {
  for (let wait = 500; ; wait = Math.min(wait * 2, 15_000)) {
    try {
      return await whoAmI();
    } catch {
      byId("banner").hidden = false;
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}

startLargeType();
keepAboveKeyboard();
introduce().then((me) => {
  byId("banner").hidden = true;
  new Chat(me);
});
