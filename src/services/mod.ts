/** The services room: Greeter, Hash and File, which run anywhere. What needs Deno is behind `deno/mod.ts`. */
export { CHUNK_BYTES, type FileStore } from "./file_store.ts";
export type { AnnouncedFile, OpenFile, StoreCaller, StoredFile, Upload, UploadOptions } from "./file_store.ts";
export { MAX_WRITE_BYTES, type PeerOf } from "./file.ts";
export type { CreateHasher } from "./hasher.ts";
export { MemoryStore } from "./memory_store.ts";
export { Pace } from "./pace.ts";
export { peerKey } from "./peer_key.ts";
export { createPortableHasher } from "./portable_hasher.ts";
export { registerHash, registerServices, type ServiceOptions } from "./routes.ts";
export { MAX_UPLOAD_BYTES } from "./uploads.ts";
