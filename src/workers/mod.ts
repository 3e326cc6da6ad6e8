/** The workers room: a server that runs on several threads. */
export { RemoteStore } from "./remote_store.ts";
export { StoreHost } from "./store_host.ts";
