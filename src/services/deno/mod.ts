/** What the services have on Deno: files on disk, and digests at the speed of the machine. */
export { DiskStore } from "./disk_store.ts";
export { createNativeHasher } from "./native_hasher.ts";
