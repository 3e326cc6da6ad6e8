/** The store of `deno task serve`: files in a directory, in which nothing that has expired stays. */
import { limitFiles } from "./net/mod.ts";
import { logger } from "./ops/mod.ts";
import { DiskStore } from "./services/deno/mod.ts";
import type { FileStore } from "./services/mod.ts";

/** How often uploads that have expired are looked for, in milliseconds: the shortest life is ten minutes. */
const EXPIRY_INTERVAL_MS = 5 * 60 * 1000;

/** A store, until it is closed. */
export interface OpenStore {
  readonly store: FileStore;
  /** Throws unfinished transfers away and lets go of the directory. */
  close(): Promise<void>;
}

/**
 * Opens the store in a directory, which is made if it is not there.
 *
 * @param maxUploadBytes How many bytes unfinished uploads have together.
 * @throws {Error} It cannot be used.
 */
export async function openStore(directory: string, maxUploadBytes: number): Promise<OpenStore> {
  const store = await DiskStore.open(directory, { maxUploadBytes, maxDescriptors: limitFiles() });
  const expiry = setInterval(() => {
    store.removeExpiredUploads().catch((error) => logger.error("Cannot remove expired uploads: {error}", { error }));
  }, EXPIRY_INTERVAL_MS);
  return {
    store,
    close: async () => {
      clearInterval(expiry);
      await store.close();
    },
  };
}
