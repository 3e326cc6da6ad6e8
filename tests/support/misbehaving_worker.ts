/**
 * A worker of a pool as `deno task serve` has it, that tells which one it is, and can be made to fail: by asking File for the description of
 * certain files.
 */
import { loadMetrics } from "../../src/ops/mod.ts";
import type { FileStore } from "../../src/services/mod.ts";
import { type ServingSettings, startServing } from "../../src/serving.ts";
import { runWorker } from "../../src/workers/mod.ts";

/** What a worker is to do, by the name of the file that is asked for. */
const DEEDS: Readonly<Record<string, (settings: MisbehavingSettings) => unknown>> = {
  throw: () =>
    void setTimeout(() => {
      throw new TypeError("Thrown on purpose");
    }),
  reject: () => void Promise.reject(new TypeError("Rejected on purpose")),
  exit: () => Deno.exit(3),
  loop: ({ loopingPath }) => {
    Deno.writeTextFileSync(loopingPath, "");
    while (true);
  },
};

/** What is said beside what servers start with. */
export interface MisbehavingSettings extends ServingSettings {
  /** A file that says which worker may not start, by its number; if it is there. */
  readonly mayNotStartPath: string;
  /** A file that is there when a worker is in a loop. */
  readonly loopingPath: string;
}

/** Files of another store, and one `worker`, as long as the worker's number. */
function misbehaving(store: FileStore, number: number, settings: MisbehavingSettings): FileStore {
  return {
    stat: async (name) => {
      await DEEDS[name]?.(settings);
      return name === "worker" ? { name, size: number, modified: new Date(0) } : await store.stat(name);
    },
    list: (after, limit) => store.list(after, limit),
    open: (name) => store.open(name),
    delete: (name) => store.delete(name),
    startUpload: (file, options) => store.startUpload(file, options),
    findUpload: (id) => store.findUpload(id),
    removeExpiredUploads: () => store.removeExpiredUploads(),
    close: () => store.close(),
  };
}

async function mayNotStart(path: string, number: number): Promise<boolean> {
  return await Deno.readTextFile(path).catch(() => "") === String(number);
}

runWorker<MisbehavingSettings>(async (settings, number, store) => {
  if (await mayNotStart(settings.mayNotStartPath, number)) {
    throw new Error("Cannot start on purpose");
  }
  return await startServing(
    settings,
    misbehaving(store, number, settings),
    settings.hasMetrics ? await loadMetrics() : undefined,
  );
});
