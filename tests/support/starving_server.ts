/**
 * Two servers, without TLS and with it, in a process that can be left without file descriptors: it is told by a line of stdin, and answers by one of
 * stdout.
 */
import { createFetchBridge, listen, type Server } from "../../src/net/mod.ts";
import { freeAllDescriptors, takeAllDescriptors } from "./descriptor_hog.ts";

const [cert, key] = JSON.parse(Deno.args[0]!) as [string, string];
let lastError: unknown;
const faults: string[] = [];

const serve = createFetchBridge(() => new Response("served"), (error) => faults.push(String(error)));
const options = { host: "127.0.0.1", port: 0, onListenerFault: (fault: string) => faults.push(fault) };
const servers: Server[] = [
  await listen(serve, options),
  await listen(serve, { ...options, tls: { cert, key } }),
];

/** What it can be told to do. */
const COMMANDS: Readonly<Record<string, () => unknown>> = {
  urls: () => servers.map(({ url }) => url),
  limits: () => servers.map(({ maxConnections }) => maxConnections),
  fill: () => void (lastError = takeAllDescriptors()),
  free: freeAllDescriptors,
  faults: () => servers.map(({ fault }) => fault ?? ""),
  told: () => faults,
  stack: () => (lastError as Error).stack,
  inspect: () => Deno.inspect(new Error("Another one", { cause: lastError })),
};

let input = "";
for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  const lines = (input + text).split("\n");
  input = lines.pop()!;
  for (const line of lines) {
    console.log(JSON.stringify(COMMANDS[line]!() ?? "done"));
  }
}

Deno.exit();
