/** What this browser remembers: localStorage, or just this page's life when the browser blocks it. */

const PREFIX = "xiaoshao.";
const fallback = new Map();

/** Merely touching `localStorage` throws when cookies are blocked, so every touch goes through here. */
function withStorage(action, otherwise) {
  try {
    return action(window.localStorage);
  } catch {
    return otherwise();
  }
}

export function recall(key) {
  if (fallback.has(key)) return fallback.get(key);
  const stored = withStorage((storage) => storage.getItem(PREFIX + key), () => null);
  if (stored === null) return null;
  try {
    return JSON.parse(stored);
  } catch {
    return null;
  }
}

export function remember(key, value) {
  // A full or blocked storage must not lose what the page still needs.
  withStorage(
    (storage) => {
      storage.setItem(PREFIX + key, JSON.stringify(value));
      fallback.delete(key);
    },
    () => fallback.set(key, value),
  );
}

export function forget(key) {
  fallback.delete(key);
  withStorage((storage) => storage.removeItem(PREFIX + key), () => null);
}

/** All remembered values whose key starts with `start`. */
export function recallAll(start) {
  const keys = withStorage(
    (storage) => Object.keys(storage).filter((key) => key.startsWith(PREFIX + start)),
    () => [],
  );
  const names = new Set(keys.map((key) => key.slice(PREFIX.length)));
  for (const key of fallback.keys()) if (key.startsWith(start)) names.add(key);
  return [...names].map(recall).filter((value) => value !== null);
}
