/**
 * Photos that have not reached the server yet, kept in IndexedDB: they are too big for localStorage,
 * and a phone that is short of memory throws the page away while the camera is open.
 * Every failure is quiet: the photo then lives as long as the page.
 */

const STORE = "photos";

function open() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("xiaoshao", 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function inStore(mode, action) {
  try {
    const database = await open();
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(STORE, mode);
      const request = action(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onerror = transaction.onabort = () => reject(transaction.error);
    }).finally(() => database.close());
  } catch {
    return undefined;
  }
}

export const keepPhoto = (clientId, blob) => inStore("readwrite", (store) => store.put(blob, clientId));
export const keptPhoto = (clientId) => inStore("readonly", (store) => store.get(clientId));
export const dropPhoto = (clientId) => inStore("readwrite", (store) => store.delete(clientId));
