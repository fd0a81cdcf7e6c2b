/** One conversation as the server told it: bubbles by id, and how far we have heard. */

export class Thread {
  #bubbles = new Map();
  #sorted = null;
  /** Highest seq heard on the socket: what "hello" resumes from. */
  heard = 0;
  /** Highest seq that was read, here or on another device. */
  read = 0;
  typing = false;
  /** bubble id → data of the button that was tapped and has had no effect yet. */
  taps = new Map();
  /** Of these, the ones that the server has in hand: whatever it says next is its answer. */
  #tapsInHand = new Set();

  /** True unless we knew it already. */
  take(bubble) {
    const known = this.#bubbles.get(bubble.id);
    if (known && known.seq >= bubble.seq) return false;
    this.#bubbles.set(bubble.id, bubble);
    this.#sorted = null;
    this.releaseTap(bubble.id);
    if (!known && bubble.from === "bot") this.releaseTapsInHand();
    return true;
  }

  tapInHand(bubble) {
    if (this.taps.has(bubble)) this.#tapsInHand.add(bubble);
  }

  releaseTap(bubble) {
    this.taps.delete(bubble);
    this.#tapsInHand.delete(bubble);
  }

  /** A tap that was answered with words alone changed nothing: its buttons are free again. */
  releaseTapsInHand() {
    for (const bubble of this.#tapsInHand) this.releaseTap(bubble);
  }

  readUpTo(seq) {
    this.read = Math.max(this.read, seq);
  }

  /** How much of what was said to us is still unread. */
  unread() {
    return this.bubbles().filter((bubble) => bubble.from === "bot" && bubble.seq > this.read).length;
  }

  /** Only what comes down the socket counts: an answer to an upload may overtake bubbles before it. */
  hear(bubble) {
    this.heard = Math.max(this.heard, bubble.seq);
    return this.take(bubble);
  }

  /** By id, not seq: an edit gets a new seq but stays where it was said. */
  bubbles() {
    this.#sorted ??= [...this.#bubbles.values()].sort((a, b) => a.id - b.id);
    return this.#sorted;
  }

  last() {
    return this.bubbles().at(-1);
  }

  newestSeq() {
    return this.bubbles().reduce((newest, bubble) => Math.max(newest, bubble.seq), 0);
  }

  /** Has this person ever said anything here? */
  spokenIn() {
    return this.bubbles().some((bubble) => bubble.from === "me");
  }
}
