/** The services room: Greeter, Hash and File, which run anywhere. What needs Deno is behind `deno/mod.ts`. */
export { CHUNK_BYTES, type FileStore } from "./file_store.ts";
export type { AnnouncedFile, OpenFile, StoredFile, Upload } from "./file_store.ts";
export { MAX_WRITE_BYTES } from "./file.ts";
export type { CreateHasher } from "./hasher.ts";
export { MemoryStore } from "./memory_store.ts";
export { createPortableHasher } from "./portable_hasher.ts";
export { registerHash, registerServices, type ServiceOptions } from "./routes.ts";
