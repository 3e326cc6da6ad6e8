/** The workers room: a server that runs on several threads. */
export { RemoteStore } from "./remote_store.ts";
export type { Serving, WorkerSettings } from "./serving.ts";
export { StoreHost } from "./store_host.ts";
export { runWorker } from "./worker.ts";
export { WorkerPool, type WorkerPoolOptions } from "./worker_pool.ts";
