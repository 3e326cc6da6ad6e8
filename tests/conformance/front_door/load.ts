/**
 * Shutdown and connection age under load: no call fails by either.
 *
 * `deno run --allow-all tests/conformance/front_door/load.ts`
 */
import { connectHttp2, type Http2Client } from "../../../src/net/mod.ts";
import { type Authority, makeAuthority } from "../../support/authority.ts";
import { RawClient } from "../../support/raw_client.ts";
import { runJudge, type Verdict } from "../verdict.ts";
import { callOnce, LastingClient, UnprocessedError } from "./client.ts";
import { startLoadedServer } from "./loaded_server.ts";

/** Calls that are under way when the server is told to end, and how long they take, in milliseconds: longer than a busy machine takes to begin them all. */
const IN_FLIGHT = 1000;
const SHORTEST_MS = 2500;
const LONGEST_MS = 4000;
const STREAMS_PER_CONNECTION = 100;

/** How much longer than the longest call the server may take, in milliseconds. */
const EXIT_MS = 1000;

/** Calls in all, those at a time, and how old connections get, in milliseconds. */
const CALLS = 100_000;
const WORKERS = 64;
const CONNECTIONS = 8;
const MAX_AGE_MS = 100;

const CONTENT = new Uint8Array(12);

/** When each call ends is spread, the last one is the longest. */
function pathOf(index: number): string {
  return `/wait/${Math.round(SHORTEST_MS + (LONGEST_MS - SHORTEST_MS) * (index + 1) / IN_FLIGHT)}`;
}

/** A server, and what its certificate is signed with, if it speaks TLS. */
interface Target {
  readonly port: number;
  readonly caCerts?: string[];
}

async function connectHttp1({ port, caCerts }: Target): Promise<RawClient> {
  return caCerts === undefined
    ? await RawClient.connect({ hostname: "127.0.0.1", port })
    : new RawClient(await Deno.connectTls({ hostname: "127.0.0.1", port, caCerts, alpnProtocols: ["http/1.1"] }));
}

function connectTo({ port, caCerts }: Target): Promise<Http2Client> {
  return connectHttp2({ hostname: "127.0.0.1", port, tls: caCerts !== undefined, caCerts });
}

/** Calls by HTTP/1.1, each on its connection. */
async function beginHttp1Calls(target: Target): Promise<Promise<void>[]> {
  const clients = await Promise.all(Array.from({ length: IN_FLIGHT }, () => connectHttp1(target)));
  return await Promise.all(clients.map(async (client, index) => {
    await client.send(`POST ${pathOf(index)} HTTP/1.1\r\nhost: a\r\ncontent-length: 12\r\n\r\n`);
    await client.send(CONTENT);
    const answered = (async () => {
      const { status, fields, body } = await client.readAnswer();
      const rest = await client.readAll();
      client.close();
      if (status !== 200 || body.length !== CONTENT.length || fields.get("connection") !== "close" || rest !== "") {
        throw new Error(
          `Status ${status}, ${body.length} octets, connection: ${fields.get("connection")}, rest ${rest}`,
        );
      }
    })();
    return { answered };
  })).then((calls) => calls.map(({ answered }) => answered));
}

/** Calls by HTTP/2, a hundred on a connection. */
async function beginHttp2Calls(target: Target): Promise<Promise<void>[]> {
  const calls: Promise<void>[] = [];
  while (calls.length < IN_FLIGHT) {
    const client = await connectTo(target);
    for (let index = 0; index < STREAMS_PER_CONNECTION; index++) {
      calls.push(callOnce(client, pathOf(calls.length), CONTENT).then(() => {}));
    }
  }
  return calls;
}

/** Goes on making calls by HTTP/2 for as long as the server takes them. Gives how many were served, and failed. */
async function callUntilRefused(target: Target): Promise<{ served: number; failures: string[] }> {
  let served = 0;
  const failures: string[] = [];
  await Promise.all(Array.from({ length: 4 }, async () => {
    const client = await connectTo(target);
    await Promise.all(Array.from({ length: 10 }, async () => {
      while (true) {
        try {
          await callOnce(client, "/wait/5", CONTENT);
          served++;
        } catch (error) {
          if (!(error instanceof UnprocessedError)) {
            failures.push(String(error));
          }
          return;
        }
      }
    }));
    await client.closed;
  }));
  return { served, failures };
}

async function judgeShutdown(
  version: string,
  begin: (target: Target) => Promise<Promise<void>[]>,
  authority?: Authority,
): Promise<Verdict> {
  const tls = await authority?.issue("server");
  await using server = await startLoadedServer({ tls });
  const target = { port: server.port, ...(authority === undefined ? {} : { caCerts: [authority.cert] }) };
  const calls = await begin(target);
  const outcomes = Promise.allSettled(calls);
  const others = callUntilRefused(target);
  await new Promise((resolve) => setTimeout(resolve, 500));
  const startMs = performance.now();
  server.terminate();
  const { code, stderr } = await server.ended;
  const tookMs = performance.now() - startMs;
  const failures = (await outcomes).flatMap((outcome) => outcome.status === "rejected" ? [String(outcome.reason)] : []);
  const { served, failures: otherFailures } = await others;
  const notes = [
    `exit ${code} after ${Math.round(tookMs)} ms; ${served} more were served until it took no more`,
    ...new Set([...failures, ...otherFailures]),
    ...stderr === "" ? [] : [stderr],
  ];
  const isInTime = code === 0 && stderr === "" && tookMs <= LONGEST_MS + EXIT_MS && otherFailures.length === 0;
  return {
    judge: `SIGTERM with ${IN_FLIGHT} calls under way, ${version}`,
    passed: calls.length - failures.length + (isInTime ? 1 : 0),
    total: IN_FLIGHT + 1,
    notes,
  };
}

async function judgeRotation(): Promise<Verdict> {
  await using server = await startLoadedServer({ maxConnectionAgeMs: MAX_AGE_MS });
  const clients = Array.from({ length: CONNECTIONS }, () => new LastingClient(server.port));
  const failures: string[] = [];
  let begun = 0;
  const startMs = performance.now();
  await Promise.all(Array.from({ length: WORKERS }, async (_, worker) => {
    const client = clients[worker % CONNECTIONS]!;
    while (begun < CALLS) {
      begun++;
      await client.call("/", CONTENT).catch((error) => failures.push(String(error)));
    }
  }));
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  await Promise.all(clients.map((client) => client.close()));
  const sum = (key: "connections" | "retries") => clients.reduce((total, client) => total + client[key], 0);
  server.terminate();
  const { code, stderr } = await server.ended;
  return {
    judge: `Connections of ${MAX_AGE_MS} ms under load, HTTP/2`,
    passed: begun - failures.length - (code === 0 && stderr === "" ? 0 : 1),
    total: CALLS,
    notes: [
      `${seconds} s, ${sum("connections")} connections, ${sum("retries")} calls made again`,
      ...new Set(failures),
      ...stderr === "" ? [] : [stderr],
    ],
  };
}

/** Judges shutdown and rotation. */
export async function* judgeLoad(): AsyncGenerator<Verdict> {
  yield await judgeShutdown("HTTP/1.1", beginHttp1Calls);
  yield await judgeShutdown("HTTP/2", beginHttp2Calls);
  const authority = await makeAuthority("Edgewire test authority");
  yield await judgeShutdown("HTTP/1.1 over TLS", beginHttp1Calls, authority);
  yield await judgeShutdown("HTTP/2 over TLS", beginHttp2Calls, authority);
  yield await judgeRotation();
}

if (import.meta.main) {
  await runJudge(judgeLoad);
}
