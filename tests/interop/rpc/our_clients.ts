/** Our transports, for the servers of others. */
import type { Transport } from "@connectrpc/connect";
import { createTransport, type FetchProtocol } from "../../../mod.ts";
import { createHttp2Fetch } from "../../../src/net/mod.ts";
import { createConnectCaller } from "./connect_caller.ts";
import { readEchoSchema } from "./echo_schema.ts";
import type { RunningClient } from "./peers.ts";
import type { Task } from "./task.ts";

async function startClient(transport: Transport, { descriptorsPath }: Task, close: () => void): Promise<RunningClient> {
  const schema = readEchoSchema(await Deno.readFile(descriptorsPath));
  return {
    call: createConnectCaller(transport, schema),
    [Symbol.asyncDispose]: () => Promise.resolve(close()),
  };
}

/** Over our own HTTP/2. */
export function startOurHttp2Client(task: Task): Promise<RunningClient> {
  const transport = createTransport({
    baseUrl: task.url,
    protocol: task.protocol as FetchProtocol,
    fetch: createHttp2Fetch(),
    useHttpGet: true,
  });
  return startClient(transport, task, () => {});
}

/** Over the runtime's `fetch`. */
export async function startOurFetchClient(task: Task): Promise<RunningClient> {
  const { url: baseUrl, protocol, version, certPath } = task;
  const client = Deno.createHttpClient({
    http1: version === "1.1",
    http2: version === "2",
    caCerts: certPath === undefined ? [] : [await Deno.readTextFile(certPath)],
  });
  const transport = createTransport({
    baseUrl,
    protocol: protocol as FetchProtocol,
    useHttpGet: true,
    fetch: (input, init) => fetch(input, { ...init, client }),
  });
  return await startClient(transport, task, () => client.close());
}
