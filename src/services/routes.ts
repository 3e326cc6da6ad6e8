/** The services put together: what every server of Edgewire answers, on whatever it runs. */
import type { ConnectRouter } from "@connectrpc/connect";
import { Greeter as LectureGreeter } from "../../gen/hello_codec.ts";
import { Greeter } from "../../gen/edgewire/v1/greeter_codec.ts";
import { File } from "../../gen/edgewire/v1/file_codec.ts";
import { Hash } from "../../gen/edgewire/v1/hash_codec.ts";
import { createFileService } from "./file.ts";
import type { FileStore } from "./file_store.ts";
import { greeter, lectureGreeter } from "./greeter.ts";
import { createHashService } from "./hash.ts";
import type { CreateHasher } from "./hasher.ts";
import type { HashServer } from "./hash_content.ts";

/** Options of {@linkcode registerServices}. */
export interface ServiceOptions extends HashServer {
  /** Where File keeps its files. */
  readonly store: FileStore;
  /** Who computes the digests of Hash. */
  readonly createHasher: CreateHasher;
}

/** Adds both Greeters, Hash and File to a router. */
export function registerServices(router: ConnectRouter, options: ServiceOptions): void {
  router
    .service(LectureGreeter, lectureGreeter)
    .service(Greeter, greeter)
    .service(File, createFileService(options.store, options));
  registerHash(router, options.createHasher);
}

/** Adds Hash alone. */
export function registerHash(router: ConnectRouter, createHasher: CreateHasher): void {
  router.service(Hash, createHashService(createHasher));
}
