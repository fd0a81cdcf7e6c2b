/** The socket: says hello, notices when the line is dead, comes back by itself. */

const FIRST_WAIT = 500;
const LONGEST_WAIT = 15_000;
/** Without a word for this long while we wait for "ready", the line is dead. */
const HELLO_TIMEOUT = 15_000;
/** A phone that changes networks leaves a socket that looks open and is not. Now and then we make sure. */
const IDLE_LIMIT = 4 * 60_000;
const AWAY_LIMIT = 60_000;
/** A blink of the network is not worth a banner. */
const PATIENCE = 1_000;

export class Connection {
  #socket = null;
  #failures = 0;
  #retryTimer = 0;
  #silenceTimer = 0;
  #complaintTimer = 0;
  #hiddenSince = 0;
  ready = false;

  /**
   * hello(): what to say first. onMessage(message): everything but "ready".
   * onReady(): caught up and live. onTrouble(lost): the banner.
   */
  constructor({ hello, onMessage, onReady, onTrouble }) {
    Object.assign(this, { hello, onMessage, onReady, onTrouble });
    addEventListener("online", () => this.restart());
    addEventListener("offline", () => this.#lost());
    addEventListener("pagehide", () => this.#drop());
    addEventListener("pageshow", (event) => event.persisted && this.restart());
    document.addEventListener("visibilitychange", () => this.#visibilityChanged());
  }

  restart() {
    this.#drop();
    this.#failures = 0;
    this.#connect();
  }

  /** True if it went out; whether it arrived only an ack can tell. */
  send(message) {
    if (!this.ready || this.#socket.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  #connect() {
    clearTimeout(this.#retryTimer);
    this.#complainLater();
    const url = new URL("/ws", location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(url);
    this.#socket = socket;
    socket.onopen = () => socket.send(JSON.stringify(this.hello()));
    socket.onmessage = (event) => this.#heard(event.data);
    socket.onclose = () => this.#lost();
    this.#expectWord(HELLO_TIMEOUT);
  }

  #heard(data) {
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return;
    }
    if (message.type === "ready") this.#becomeReady();
    else this.onMessage(message);
    this.#expectWord(this.ready ? IDLE_LIMIT : HELLO_TIMEOUT);
  }

  #becomeReady() {
    this.ready = true;
    this.#failures = 0;
    clearTimeout(this.#complaintTimer);
    this.#complaintTimer = 0;
    this.onTrouble(false);
    this.onReady();
  }

  #expectWord(limit) {
    clearTimeout(this.#silenceTimer);
    this.#silenceTimer = setTimeout(() => this.restart(), limit);
  }

  /** Leave the present socket without hearing its farewell. */
  #drop() {
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#silenceTimer);
    this.ready = false;
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }

  #lost() {
    this.#drop();
    this.#complainLater();
    this.#failures += 1;
    this.#retryTimer = setTimeout(() => this.#connect(), this.#wait());
  }

  /** Doubles up to a limit, with jitter: after a restart the whole neighbourhood must not call at once. */
  #wait() {
    const wait = Math.min(FIRST_WAIT * 2 ** (this.#failures - 1), LONGEST_WAIT);
    return wait * (0.5 + Math.random() / 2);
  }

  #complainLater() {
    this.#complaintTimer ||= setTimeout(() => this.onTrouble(true), PATIENCE);
  }

  #visibilityChanged() {
    if (document.visibilityState === "hidden") {
      this.#hiddenSince = Date.now();
      return;
    }
    const away = Date.now() - this.#hiddenSince;
    if (!this.ready || away > AWAY_LIMIT) this.restart();
  }
}
