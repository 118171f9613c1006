// Addresses of unfinished uploads in the page's localStorage, so that they survive a reload.

import type { UploadStore } from "../upload-store.ts";

const PREFIX = "cairn.upload:";

/** Where localStorage is forbidden (some private windows), nothing is kept and uploads work all the same. */
export function pageStore(): UploadStore {
  return {
    get: async (key) => storage()?.getItem(PREFIX + key) ?? undefined,
    async set(key, value) {
      try {
        storage()?.setItem(PREFIX + key, value);
      } catch (error) {
        // Full: this upload cannot be taken up after a reload, and works otherwise.
        if (!(error instanceof DOMException)) throw error;
      }
    },
    delete: async (key) => storage()?.removeItem(PREFIX + key),
  };
}

function storage(): Storage | undefined {
  try {
    return globalThis.localStorage;
  } catch (error) {
    if (error instanceof DOMException) return undefined;
    throw error;
  }
}
