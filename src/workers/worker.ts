/** A worker, as it sees itself: it serves as it is told, and says when it cannot go on. */
import { logStrayRejections } from "../ops/mod.ts";
import type { FileStore } from "../services/mod.ts";
import { toErrorData } from "./error_data.ts";
import { PortCalls } from "./port_calls.ts";
import { RemoteStore } from "./remote_store.ts";
import type { Serving, WorkerSettings } from "./serving.ts";
import type { MainMethods, WorkerMethods } from "./worker_calls.ts";

/** Starts the server of a worker with files of the main thread. @param number Which worker it is, from 1. */
export type StartServing<Settings extends WorkerSettings> = (
  settings: Settings,
  number: number,
  store: FileStore,
) => Promise<Serving>;

/** Makes this thread a worker of a `WorkerPool`: to be called by its module when that is loaded. */
export function runWorker<Settings extends WorkerSettings>(start: StartServing<Settings>): void {
  addEventListener("message", (event) => {
    const serving = Promise.withResolvers<Serving>();
    const main = new PortCalls<WorkerMethods<Settings>, MainMethods>((event as MessageEvent<MessagePort>).data, {
      start: async (settings, number, store) => {
        serving.resolve(start(settings, number, new RemoteStore(store)));
        return (await serving.promise).url;
      },
      connectionCount: async () => (await serving.promise).connectionCount(),
      notReadyReason: async () => (await serving.promise).notReadyReason(),
      metrics: async () => (await serving.promise).metrics(),
      drain: async () => (await serving.promise).drain(),
      cutShort: async () => (await serving.promise).cutShort(),
      shutdown: async () => (await serving.promise).shutdown(),
      reloadTls: async (certificates) => (await serving.promise).reloadTls(certificates),
    });
    reportCrash((error) => main.call("crashed", toErrorData(error)));
  }, { once: true });
}

/**
 * What ends a program ends its worker, which starts anew: Deno would do that by itself, but write to the log as it likes, and say nothing of `Deno.exit`.
 * But for promises that nothing awaits: calls leave those behind, and all other calls of the worker would end with it.
 */
function reportCrash(report: (error: unknown) => void): void {
  addEventListener("error", (event) => {
    event.preventDefault();
    report(event.error);
  });
  logStrayRejections();
  addEventListener("unload", () => report(new Error("The worker has exited")));
}
