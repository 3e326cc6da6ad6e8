/** Our transports, for the servers of others. */
import { createFetchClient, createHttp2Client, createTransport } from "../../../mod.ts";
import type { RunningClient } from "./call.ts";
import { createConnectCaller } from "./connect_caller.ts";
import { readEchoSchema } from "./echo_schema.ts";
import type { ClientTask } from "./task.ts";

/** As often as the client asks for a sign of life. */
const KEEPALIVE_INTERVAL_MS = 100;

async function trusted({ certPath }: ClientTask): Promise<string[]> {
  return certPath === undefined ? [] : [await Deno.readTextFile(certPath)];
}

/** Over our own HTTP/2. */
export async function startOurHttp2Client(task: ClientTask): Promise<RunningClient> {
  const { url: baseUrl, protocol, descriptorsPath } = task;
  const httpClient = createHttp2Client({
    baseUrl,
    caCerts: await trusted(task),
    keepaliveIntervalMs: KEEPALIVE_INTERVAL_MS,
  });
  const transport = createTransport({ protocol, httpClient, useHttpGet: true });
  return {
    call: createConnectCaller(transport, readEchoSchema(await Deno.readFile(descriptorsPath))),
    [Symbol.asyncDispose]: () => httpClient.close(),
  };
}

/** Over the runtime's `fetch`. */
export async function startOurFetchClient(task: ClientTask): Promise<RunningClient> {
  const { url: baseUrl, protocol, version, descriptorsPath } = task;
  const client = Deno.createHttpClient({
    http1: version === "1.1",
    http2: version === "2",
    caCerts: await trusted(task),
  });
  const httpClient = createFetchClient({ fetch: (input, init) => fetch(input, { ...init, client }) });
  const transport = createTransport({ baseUrl, protocol, httpClient, useHttpGet: true });
  return {
    call: createConnectCaller(transport, readEchoSchema(await Deno.readFile(descriptorsPath))),
    [Symbol.asyncDispose]: async () => {
      await httpClient.close();
      client.close();
    },
  };
}
