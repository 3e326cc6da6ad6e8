/** The script of a page that makes calls for `browser_calls_test.ts`. */
import { createTransport } from "../../src/rpc/mod.ts";
import type { Call, Outcome } from "../interop/rpc/call.ts";
import { createConnectCaller } from "../interop/rpc/connect_caller.ts";
import { readEchoSchema } from "../interop/rpc/echo_schema.ts";

const descriptors = await fetch("/echo.binpb");
const schema = readEchoSchema(new Uint8Array(await descriptors.arrayBuffer()));
const aborts = new Map<string, AbortController>();

/** Makes a call to where the page came from. */
function makeCall(protocol: "connect" | "grpc-web", id: string, call: Call): Promise<Outcome> {
  const transport = createTransport({ baseUrl: location.origin, protocol, useHttpGet: true });
  const abort = new AbortController();
  aborts.set(id, abort);
  return createConnectCaller(transport, schema)(call, abort.signal);
}

Object.assign(globalThis, { makeCall, cancelCall: (id: string) => aborts.get(id)?.abort() });
