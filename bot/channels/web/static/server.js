/** The server's plain HTTP side: who am I, photos, recordings, time machine. */

/** The server said no, and why; trying again unchanged is no use. */
export class Refused extends Error {}

/** The request did not get through; trying again may help. */
export class Unreachable extends Error {}

const PHOTO_TIMEOUT = 120_000;
const TIMEOUT = 15_000;

export const whoAmI = () => call("/api/me", { cache: "no-store" });

export const moveTime = (hours) =>
  call("/api/time", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ hours }),
  });

export function sendPhoto({ chat, client_id, caption }, photo) {
  const form = new FormData();
  form.append("chat", chat);
  form.append("client_id", client_id);
  form.append("caption", caption);
  form.append("file", photo, photo.name || nameFor(photo));
  return call("/api/photo", { method: "POST", body: form }, PHOTO_TIMEOUT);
}

export function sendVoice({ chat, client_id, seconds }, voice) {
  const form = new FormData();
  form.append("chat", chat);
  form.append("client_id", client_id);
  form.append("seconds", String(seconds));
  form.append("file", voice, "voice");
  return call("/api/voice", { method: "POST", body: form }, PHOTO_TIMEOUT);
}

function nameFor(photo) {
  const kind = /^image\/(\w+)/.exec(photo.type);
  return `photo.${kind ? kind[1].replace("jpeg", "jpg") : "jpg"}`;
}

async function call(path, options, timeout = TIMEOUT) {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), timeout);
  try {
    const response = await fetch(path, { credentials: "same-origin", signal: abort.signal, ...options });
    if (response.ok) return await response.json();
    if (response.status >= 500) throw new Unreachable(`HTTP ${response.status}`);
    throw new Refused(await reasonIn(response));
  } catch (error) {
    if (error instanceof Refused) throw error;
    throw new Unreachable(String(error));
  } finally {
    clearTimeout(timer);
  }
}

async function reasonIn(response) {
  const answer = await response.json().catch(() => null);
  if (answer?.error) return String(answer.error);
  return response.status === 413 ? "图片太大" : "没有办成，请再试一次";
}
