/**
 * Two thousand connections that only want to be there, and a client beside them that wants to be served.
 *
 * `deno run --allow-all tests/conformance/front_door/slowloris.ts`
 */
import { ascii, PREFACE } from "../../support/frame_builder.ts";
import { type Authority, makeAuthority } from "../../support/authority.ts";
import { RawClient } from "../../support/raw_client.ts";
import { runJudge, type Verdict } from "../verdict.ts";
import { connectHttp2 } from "../../../src/net/mod.ts";
import { closeQuietly } from "../../../src/net/sockets.ts";
import { callOnce } from "./client.ts";
import { type LoadedServer, startLoadedServer } from "./loaded_server.ts";

const CONNECTIONS = 2000;

/** How long the server has patience, in milliseconds, and how much later a connection may end: handshakes of a thousand others are work. */
const TIMEOUT_MS = 3000;
const LATE_MS = 5000;

/** How long an octet takes, of those who send one after the other. */
const DRIP_MS = 1000;

/**
 * When a connection is given up that the server should have ended, in milliseconds. It counts as one that lasted too long. Of connections that
 * overflow the queue of those that are to be accepted the system may forget some: a client that says nothing would wait for ever.
 */
const GIVE_UP_MS = 60_000;

/** How much earlier a connection may seem to end, as clocks are rounded, in milliseconds. */
const EARLY_MS = 50;

const CONTENT = new Uint8Array(12);

/** The head of a TLS record with a ClientHello of 508 octets, and nothing of them. */
const HALF_HELLO = ascii("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");

/** What a connection says, at once and then octet by octet, with TLS around it or without. */
interface Attack {
  readonly name: string;
  readonly begin: Uint8Array;
  readonly drip?: Uint8Array;
  readonly protocol?: string;
}

const SLOW_HEAD = ascii("host: a\r\nx-slow: and so on\r\n\r\n");

const ATTACKS: Readonly<Record<"no TLS" | "TLS", readonly Attack[]>> = {
  "no TLS": [
    { name: "silent", begin: ascii("") },
    { name: "half a preface", begin: PREFACE.subarray(0, 12) },
    { name: "a head, an octet a second", begin: ascii("GET / HTTP/1.1\r\n"), drip: SLOW_HEAD },
    { name: "a preface, an octet a second", begin: ascii(""), drip: PREFACE },
    { name: "a preface and no SETTINGS", begin: PREFACE },
  ],
  "TLS": [
    { name: "silent", begin: ascii("") },
    { name: "half a handshake", begin: HALF_HELLO },
    { name: "a handshake, an octet a second", begin: ascii(""), drip: HALF_HELLO },
    { name: "silent after the handshake, HTTP/1.1", begin: ascii(""), protocol: "http/1.1" },
    { name: "silent after the handshake, HTTP/2", begin: ascii(""), protocol: "h2" },
    { name: "a head, an octet a second", begin: ascii("GET / HTTP/1.1\r\n"), drip: SLOW_HEAD, protocol: "http/1.1" },
  ],
};

interface Lifetime {
  readonly mostMs: number;
  readonly leastMs: number;
}

/**
 * Whoever attacks, until the server ends it. The server's clock begins between the beginning and the end of our connecting, which takes its time
 * when two thousand do: so there are two answers, how many milliseconds it was at most and at least.
 */
async function attack(port: number, { begin, drip, protocol }: Attack, caCerts: string[]): Promise<Lifetime> {
  const startMs = performance.now();
  const address = { hostname: "127.0.0.1", port };
  const socket = protocol === undefined
    ? await Deno.connect(address)
    : await Deno.connectTls({ ...address, caCerts, alpnProtocols: [protocol] });
  if (protocol !== undefined) {
    await (socket as Deno.TlsConn).handshake();
  }
  const connectedMs = performance.now();
  const giveUp = setTimeout(() => closeQuietly(socket), GIVE_UP_MS);
  const write = (octets: Uint8Array) => socket.write(octets).catch(() => {});
  if (begin.length > 0) {
    await write(begin);
  }
  let position = 0;
  const timer = drip &&
    setInterval(() => position < drip.length && write(drip.subarray(position, ++position)), DRIP_MS);
  const buffer = new Uint8Array(4096);
  try {
    while (await socket.read(buffer) !== null) {
      // What it says at the end.
    }
  } catch {
    // It was reset.
  }
  clearInterval(timer);
  clearTimeout(giveUp);
  closeQuietly(socket);
  const endMs = performance.now();
  return { mostMs: endMs - startMs, leastMs: endMs - connectedMs };
}

/** A client that behaves, by both versions and with new connections, until it is told to stop. */
class NormalClient {
  calls = 0;
  slowestMs = 0;
  readonly errors: string[] = [];
  isDone = false;
  readonly #port: number;
  readonly #caCerts: string[] | undefined;

  constructor(port: number, caCerts: string[] | undefined) {
    this.#port = port;
    this.#caCerts = caCerts;
  }

  async run(): Promise<void> {
    while (!this.isDone) {
      await this.#measure(() => this.#callByHttp1());
      await this.#measure(() => this.#callByHttp2());
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async #measure(call: () => Promise<void>): Promise<void> {
    const startMs = performance.now();
    await call().catch((error) => this.errors.push(String(error)));
    this.calls++;
    this.slowestMs = Math.max(this.slowestMs, performance.now() - startMs);
  }

  async #callByHttp1(): Promise<void> {
    const address = { hostname: "127.0.0.1", port: this.#port };
    const caCerts = this.#caCerts;
    const client = caCerts === undefined
      ? await RawClient.connect(address)
      : new RawClient(await Deno.connectTls({ ...address, caCerts, alpnProtocols: ["http/1.1"] }));
    await client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 12\r\n\r\n");
    await client.send(CONTENT);
    const { status } = await client.readAnswer();
    client.close();
    if (status !== 200) {
      throw new Error(`Status ${status}`);
    }
  }

  async #callByHttp2(): Promise<void> {
    const tls = this.#caCerts !== undefined;
    const client = await connectHttp2({ hostname: "127.0.0.1", port: this.#port, tls, caCerts: this.#caCerts });
    try {
      await callOnce(client, "/", CONTENT);
    } finally {
      await client.close();
    }
  }
}

/** The descriptors of the server that are sockets. */
async function socketsOf({ pid }: LoadedServer): Promise<number> {
  let count = 0;
  for await (const { name } of Deno.readDir(`/proc/${pid}/fd`)) {
    const target = await Deno.readLink(`/proc/${pid}/fd/${name}`).catch(() => "");
    count += target.startsWith("socket:") ? 1 : 0;
  }
  return count;
}

async function judgeSlowness(kind: keyof typeof ATTACKS, authority: Authority | undefined): Promise<Verdict> {
  const tls = await authority?.issue("server");
  const limits = { handshakeTimeoutMs: TIMEOUT_MS };
  await using server = await startLoadedServer({
    ...limits,
    tls,
    http1: { headerTimeoutMs: TIMEOUT_MS },
    http2: limits,
  });
  const caCerts = authority === undefined ? undefined : [authority.cert];
  const before = await socketsOf(server);
  const normal = new NormalClient(server.port, caCerts);
  const running = normal.run();
  const attacks = ATTACKS[kind];
  let failed = 0;
  const ends = await Promise.all(Array.from({ length: CONNECTIONS }, async (_, index) => {
    const each = attacks[index % attacks.length]!;
    const failure = () => (failed++, { mostMs: 0, leastMs: 0 });
    return { name: each.name, ...await attack(server.port, each, caCerts ?? []).catch(failure) };
  }));
  normal.isDone = true;
  await running;
  await new Promise((resolve) => setTimeout(resolve, 1200)); // The last words of connections that ended just now.
  const left = await socketsOf(server) - before;
  const wrong = ends.filter(({ mostMs, leastMs }) => mostMs < TIMEOUT_MS - EARLY_MS || leastMs > TIMEOUT_MS + LATE_MS);
  server.terminate();
  const { code, stderr } = await server.ended;
  const times = attacks.map(({ name }) => {
    const all = ends.filter((end) => end.name === name).map(({ mostMs }) => Math.round(mostMs));
    return `${name}: gone after ${Math.min(...all)} to ${Math.max(...all)} ms`;
  });
  const isGood = normal.errors.length === 0 && left === 0 && code === 0 && stderr === "" && failed === 0;
  return {
    judge: `${CONNECTIONS} slow connections, ${kind}`,
    passed: CONNECTIONS - wrong.length + (isGood ? 1 : 0),
    total: CONNECTIONS + 1,
    notes: [
      `${normal.calls} calls beside them, the slowest took ${
        Math.round(normal.slowestMs)
      } ms; ${left} sockets are left`,
      ...times,
      ...new Set(normal.errors),
      ...failed === 0 ? [] : [`${failed} could not connect`],
      ...stderr === "" ? [] : [stderr],
    ],
  };
}

/** Judges what slow clients do to others. */
export async function* judgeSlowloris(): AsyncGenerator<Verdict> {
  yield await judgeSlowness("no TLS", undefined);
  yield await judgeSlowness("TLS", await makeAuthority("Edgewire test authority"));
}

if (import.meta.main) {
  await runJudge(judgeSlowloris);
}
