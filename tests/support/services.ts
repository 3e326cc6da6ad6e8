/** The services as tests have them: in memory, with Hash in the same process, unless they say otherwise. */
import { Code, type ConnectRouter, createClient, type Transport } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { File } from "../../gen/edgewire/v1/file_pb.ts";
import { Greeter } from "../../gen/edgewire/v1/greeter_pb.ts";
import { Hash } from "../../gen/edgewire/v1/hash_pb.ts";
import { createInProcessTransport } from "../../src/rpc/mod.ts";
import {
  createPortableHasher,
  MemoryStore,
  registerHash,
  registerServices,
  type ServiceOptions,
} from "../../src/services/mod.ts";
import { each } from "./bytes.ts";
import { assertConnectError } from "./connect_error.ts";

/** Adds all services to a router. */
export function testServices(options: Partial<ServiceOptions> = {}): (router: ConnectRouter) => void {
  const { store = new MemoryStore(), createHasher = createPortableHasher } = options;
  const hash = options.hash ??
    createClient(Hash, createInProcessTransport((router) => registerHash(router, createHasher)));
  return (router) => registerServices(router, { ...options, store, createHasher, hash });
}

/** Makes calls of each kind to the services behind a transport, which have no file yet: those that go well, and those that fail. */
export async function assertAllKindsOfCalls(transport: Transport): Promise<void> {
  const [greeter, file] = [createClient(Greeter, transport), createClient(File, transport)];
  assert.equal((await greeter.sayHello({ name: "World" })).message, "Hello, World!");

  const chunk = new TextEncoder().encode("content");
  const stored = await file.upload(each([
    { part: { case: "header" as const, value: { name: "a" } } },
    { part: { case: "chunk" as const, value: chunk } },
  ]));
  assert.equal(stored.file?.size, 7n);

  const parts = await Array.fromAsync(file.download({ name: "a" }), ({ part }) => part);
  assert.deepEqual(parts[1], { case: "chunk", value: chunk });

  const greetings = greeter.converse(each([{ name: "Ada" }, { name: "Grace" }]));
  assert.deepEqual(await Array.fromAsync(greetings, ({ message }) => message), ["Hello, Ada!", "Hello, Grace!"]);

  await assertConnectError(file.stat({ name: "b" }), Code.NotFound, 'name: no file "b"');
  await assertConnectError(Array.fromAsync(file.download({ name: "b" })), Code.NotFound, 'name: no file "b"');
}
