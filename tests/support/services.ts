/** The services as tests have them: in memory, with Hash in the same process, unless they say otherwise. */
import { type ConnectRouter, createClient } from "@connectrpc/connect";
import { Hash } from "../../gen/edgewire/v1/hash_pb.ts";
import { createInProcessTransport } from "../../src/rpc/mod.ts";
import {
  createPortableHasher,
  MemoryStore,
  registerHash,
  registerServices,
  type ServiceOptions,
} from "../../src/services/mod.ts";

/** Adds all services to a router. */
export function testServices(options: Partial<ServiceOptions> = {}): (router: ConnectRouter) => void {
  const { store = new MemoryStore(), createHasher = createPortableHasher } = options;
  const hash = options.hash ??
    createClient(Hash, createInProcessTransport((router) => registerHash(router, createHasher)));
  return (router) => registerServices(router, { store, createHasher, hash });
}
