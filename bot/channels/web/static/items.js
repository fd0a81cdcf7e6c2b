/** From what was said to what is drawn: the bubbles of one chat, then what is still on its way. */

import { needsStamp } from "./times.js";

/**
 * One bubble as it is drawn: a plain object, so that "has it changed?" is a comparison of its JSON.
 * @typedef {{key: string, id: number|null, clientId: string|null, from: "me"|"bot", text: string,
 *   photo: string|null, hasPhoto: boolean, voice: string|null, hasVoice: boolean, thumbnail: boolean, buttons: {text: string, data: string}[][],
 *   tapped: string|null, state: "sending"|"waiting"|"sent"|"failed"|null, reason: string|null,
 *   stamp: string|null}} Item
 */

/**
 * `thread`: what the server told; `unsent`: entries not confirmed; `lost`: is the line down?
 * `thumbnails`: client_id → canvas; `wording(text, from)`: how a text reads.
 * @returns {Item[]}
 */
export function itemsOf({ thread, unsent, clock, lost, thumbnails, wording }) {
  const told = thread.bubbles().map((bubble) => ofBubble(bubble, thread.taps, thumbnails, wording));
  const arrived = new Set(told.map((item) => item.key));
  const untold = unsent
    .map((entry) => ofEntry(entry, clock, lost, thumbnails, wording))
    .filter((item) => !arrived.has(item.key));
  return withStamps([...told, ...untold], clock);
}

function ofBubble(bubble, taps, thumbnails, wording) {
  const mine = bubble.from === "me";
  const clientId = mine ? bubble.client_id : null;
  return {
    // The same key as before it was confirmed, so that it stays the same bubble on screen.
    key: clientId ? `mine-${clientId}` : `bubble-${bubble.id}`,
    id: bubble.id,
    clientId,
    from: bubble.from,
    text: wording(bubble.text ?? "", bubble.from),
    photo: bubble.photo ?? null,
    hasPhoto: bubble.kind === "photo",
    voice: bubble.voice ?? null,
    hasVoice: bubble.kind === "voice",
    thumbnail: thumbnails.has(clientId),
    buttons: bubble.buttons ?? [],
    tapped: taps.get(bubble.id) ?? null,
    state: mine ? "sent" : null,
    reason: null,
    at: bubble.at,
  };
}

function ofEntry(entry, clock, lost, thumbnails, wording) {
  const onItsWay = lost ? "waiting" : "sending";
  return {
    key: `mine-${entry.client_id}`,
    id: null,
    clientId: entry.client_id,
    from: "me",
    text: wording(entry.kind === "photo" ? entry.caption : entry.text ?? "", "me"),
    photo: null,
    hasPhoto: entry.kind === "photo",
    voice: null,
    hasVoice: entry.kind === "voice",
    thumbnail: thumbnails.has(entry.client_id),
    buttons: [],
    tapped: null,
    state: entry.state === "failed" ? "failed" : onItsWay,
    reason: entry.reason,
    at: clock.told(entry.order),
  };
}

function withStamps(items, clock) {
  let previous = null;
  return items.map(({ at, ...item }) => {
    const stamp = needsStamp(previous, at) ? clock.stamp(at) : null;
    previous = at;
    return { ...item, stamp };
  });
}
