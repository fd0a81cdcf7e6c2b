/** One conversation as the server told it: bubbles by id, and how far we have heard. */

export class Thread {
  #bubbles = new Map();
  #sorted = null;
  /** Highest seq heard on the socket: what "hello" resumes from. */
  heard = 0;
  /** Highest seq that we told the server was read. */
  read = 0;
  typing = false;
  /** bubble id → data of the button that was tapped and has had no effect yet. */
  taps = new Map();

  /** True unless we knew it already. */
  take(bubble) {
    const known = this.#bubbles.get(bubble.id);
    if (known && known.seq >= bubble.seq) return false;
    this.#bubbles.set(bubble.id, bubble);
    this.#sorted = null;
    this.taps.delete(bubble.id);
    return true;
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
