/** The module of a worker of `deno task serve --workers`. */
import { configureLogging, loadMetrics } from "./ops/mod.ts";
import { type ServingSettings, startServing } from "./serving.ts";
import { runWorker } from "./workers/mod.ts";

runWorker<ServingSettings>(async (settings, number, store) => {
  await configureLogging(settings.log, { worker: number });
  return await startServing(settings, store, settings.hasMetrics ? await loadMetrics() : undefined);
});
