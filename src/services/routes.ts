/** The services put together: what every server of Edgewire answers, on whatever it runs. */
import type { ConnectRouter } from "@connectrpc/connect";
import { Greeter as LectureGreeter } from "../../gen/hello_codec.ts";
import { Greeter } from "../../gen/edgewire/v1/greeter_codec.ts";
import { File } from "../../gen/edgewire/v1/file_codec.ts";
import { Hash } from "../../gen/edgewire/v1/hash_codec.ts";
import { createFileService, type PeerOf } from "./file.ts";
import type { FileStore } from "./file_store.ts";
import { greeter, lectureGreeter } from "./greeter.ts";
import { createHashService } from "./hash.ts";
import type { CreateHasher } from "./hasher.ts";
import type { HashServer } from "./hash_content.ts";
import { Pace } from "./pace.ts";

/** Options of {@linkcode registerServices}. */
export interface ServiceOptions extends HashServer {
  /** Where File keeps its files. */
  readonly store: FileStore;
  /** Who computes the digests of Hash. */
  readonly createHasher: CreateHasher;
  /** Gives the peer that files and uploads are counted by. By default all callers are one peer. */
  readonly peerOf?: PeerOf | undefined;
}

/** Adds both Greeters, Hash and File to a router. */
export function registerServices(router: ConnectRouter, options: ServiceOptions): void {
  router
    .service(LectureGreeter, lectureGreeter)
    .service(Greeter, greeter)
    .service(File, createFileService(options.store, options, options.peerOf ?? (() => undefined)))
    .service(Hash, createHashService(options.createHasher, new Pace()));
}

/** Adds Hash alone, for callers in the same process. */
export function registerHash(router: ConnectRouter, createHasher: CreateHasher): void {
  router.service(Hash, createHashService(createHasher));
}
