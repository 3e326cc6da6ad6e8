/**
 * The client that connectconformance judges: one process for all cases. It reads by stdin which calls to make, makes several at a time, and
 * writes by stdout what came of them, in any order.
 *
 * `connectconformance --mode client --conf tests/conformance/config.yaml -- deno run -A tests/conformance/client.ts`
 */
import { create } from "@bufbuild/protobuf";
import { makeCall } from "./rpc/call.ts";
import { DelimitedWriter, readDelimited } from "./rpc/delimited.ts";
import {
  type ClientCompatRequest,
  ClientCompatRequestSchema,
  type ClientCompatResponse,
  ClientCompatResponseSchema,
  ClientErrorResultSchema,
} from "./rpc/messages.ts";
import { transportFor } from "./rpc/transport.ts";

/** Whether `fetch` carries all calls. */
const ONLY_FETCH = Deno.args.includes("--fetch");

/** Many of them only wait. */
const CALLS_AT_ONCE = 16;

async function answer(request: ClientCompatRequest): Promise<ClientCompatResponse["result"]> {
  try {
    return { case: "response", value: await makeCall(transportFor(request, ONLY_FETCH), request) };
  } catch (error) {
    return { case: "error", value: create(ClientErrorResultSchema, { message: Deno.inspect(error) }) };
  }
}

const output = new DelimitedWriter(ClientCompatResponseSchema);
const calls = new Set<Promise<void>>();
for await (const request of readDelimited(Deno.stdin.readable, ClientCompatRequestSchema)) {
  const { testName } = request;
  const call = answer(request)
    .then((result) => output.write(create(ClientCompatResponseSchema, { testName, result })))
    .finally(() => calls.delete(call));
  calls.add(call);
  if (calls.size === CALLS_AT_ONCE) {
    await Promise.race(calls);
  }
}
await Promise.all(calls);
Deno.exit(0); // Connections are kept open for calls that do not come.
