/**
 * The clients that want nothing but to be served, in a process of their own, so that they measure the server and not the attacker. One calls by gRPC on
 * a connection that is kept, one by Connect and HTTP/1.1 on a new connection each time; each once every 20 ms, whether the call before has ended or not.
 *
 * Takes a JSON object a line from stdin, and responses each with one: see {@linkcode VictimCommand}.
 */
import { TextLineStream } from "./line_stream.ts";
import {
  ACK,
  callBlock,
  data,
  END_STREAM,
  FrameType,
  headers,
  join,
  latin1,
  ping,
  PREFACE,
  settings,
  SETTINGS_ACK,
  windowUpdate,
} from "./frames.ts";
import { envelope, GREETER, lengthDelimited } from "./messages.ts";

/** What the suite has it do. */
export type VictimCommand =
  | {
    readonly do: "connect";
    readonly hostname: string;
    readonly port: number;
    readonly caCert?: string | undefined;
    readonly greeting: string;
    /** When a call has failed, in milliseconds. @default 5000 */
    readonly timeoutMs?: number;
  }
  /** Begins to measure: `dial` says whether new connections are tried, too. What was measured before is forgotten. */
  | { readonly do: "measure"; readonly dial: boolean }
  /** Says what was measured, and goes on. With `wait` only when all calls that were begun have ended. */
  | { readonly do: "report"; readonly wait: boolean }
  | { readonly do: "disconnect" };

/** What one kind of victim saw. */
export interface Sample {
  readonly calls: number;
  readonly p99Ms: number;
  readonly slowestMs: number;
  readonly failures: number;
  /** The first few, in words. */
  readonly errors: readonly string[];
}

/** The reply to `report`. */
export interface VictimReport {
  readonly kept: Sample;
  readonly dial: Sample;
}

const PERIOD_MS = 20;

const CALL_TIMEOUT_MS = 5000;

const PATH = `${GREETER}/SayHello`;
const REQUEST = envelope(lengthDelimited(1, "victim"));
const REPLY = String.fromCharCode(...envelope(lengthDelimited(1, "Hello, victim!")));

type Connection = Omit<Extract<VictimCommand, { do: "connect" }>, "do">;

async function dial({ hostname, port, caCert, greeting }: Connection, alpnProtocol: string): Promise<Deno.Conn> {
  if (caCert !== undefined) {
    return await Deno.connectTls({ hostname, port, caCerts: [caCert], alpnProtocols: [alpnProtocol] });
  }
  const conn = await Deno.connect({ hostname, port });
  if (greeting !== "") {
    await conn.write(latin1(greeting));
  }
  return conn;
}

/** Calls of one kind, as they end. */
class Measurement {
  #times: number[] = [];
  #failures = 0;
  #errors: string[] = [];
  readonly #open = new Set<Promise<void>>();

  add(call: Promise<void>): void {
    const startMs = performance.now();
    const ended = within(connection?.timeoutMs ?? CALL_TIMEOUT_MS, call).then(() => {}, (error) => {
      this.#failures++;
      if (this.#errors.length < 3) {
        this.#errors.push(`${error instanceof Error ? error.message : error}`);
      }
    }).then(() => {
      this.#times.push(performance.now() - startMs);
      this.#open.delete(ended);
    });
    this.#open.add(ended);
  }

  async settle(): Promise<void> {
    await Promise.all(this.#open);
  }

  get sample(): Sample {
    const times = this.#times.toSorted((a, b) => a - b);
    return {
      calls: times.length,
      p99Ms: times[Math.max(0, Math.ceil(times.length * 0.99) - 1)] ?? 0,
      slowestMs: times.at(-1) ?? 0,
      failures: this.#failures,
      errors: this.#errors,
    };
  }
}

async function within<T>(milliseconds: number, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`No response within ${milliseconds} ms`)), milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A call under way on the connection that is kept. */
interface OpenCall {
  content: string;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** One connection of HTTP/2 for all calls of gRPC. */
class KeptConnection {
  readonly #conn: Deno.Conn;
  readonly #calls = new Map<number, OpenCall>();
  #nextStreamId = 1;
  #end: Error | undefined;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(conn: Deno.Conn) {
    this.#conn = conn;
    this.#send(join(PREFACE, settings(), windowUpdate(0, 1 << 30)));
    this.#read().then(() => this.#fail(new Error("The kept connection was closed")), (error) => this.#fail(error));
  }

  call(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    if (this.#end !== undefined) {
      reject(this.#end);
    } else {
      const id = this.#nextStreamId;
      this.#nextStreamId += 2;
      this.#calls.set(id, { content: "", resolve, reject });
      this.#send(join(headers(id, callBlock(PATH)), data(id, REQUEST, true)));
    }
    return promise;
  }

  close(): void {
    try {
      this.#conn.close();
    } catch {
      // It was closed by the server.
    }
  }

  #send(bytes: Uint8Array): void {
    this.#conn.write(bytes).catch((error) => this.#fail(error));
  }

  #fail(error: Error): void {
    this.#end ??= error;
    this.#calls.forEach(({ reject }) => reject(error));
    this.#calls.clear();
  }

  async #read(): Promise<void> {
    const buffer = new Uint8Array(65_536);
    for (let count; (count = await this.#conn.read(buffer)) !== null;) {
      const bytes = join(this.#rest, buffer.subarray(0, count));
      let offset = 0;
      while (bytes.length - offset >= 9) {
        const length = bytes[offset]! << 16 | bytes[offset + 1]! << 8 | bytes[offset + 2]!;
        if (bytes.length < offset + 9 + length) {
          break;
        }
        const streamId = new DataView(bytes.buffer, offset + 5).getUint32(0);
        this.#receive(
          bytes[offset + 3]!,
          bytes[offset + 4]!,
          streamId,
          bytes.subarray(offset + 9, offset + 9 + length),
        );
        offset += 9 + length;
      }
      this.#rest = bytes.slice(offset);
    }
  }

  #receive(type: number, flags: number, streamId: number, payload: Uint8Array): void {
    if ((type === FrameType.settings || type === FrameType.ping) && (flags & ACK) === 0) {
      this.#send(type === FrameType.settings ? SETTINGS_ACK : ping(ACK, String.fromCharCode(...payload)));
    } else if (type === FrameType.goaway) {
      this.#fail(new Error(`GOAWAY ${payload[7]} on the kept connection`));
    }
    const call = this.#calls.get(streamId);
    if (call === undefined) {
      return;
    }
    if (type === FrameType.rstStream) {
      call.reject(new Error(`RST_STREAM ${payload[3]}`));
      this.#calls.delete(streamId);
    } else if (type === FrameType.data) {
      call.content += String.fromCharCode(...payload);
    } else if (type === FrameType.headers && (flags & END_STREAM) !== 0) {
      this.#calls.delete(streamId);
      call.content === REPLY ? call.resolve() : call.reject(new Error(`Answered without a message`));
    }
  }
}

const HTTP1_REQUEST = latin1(
  `POST ${PATH} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n` +
    `content-length: 17\r\n\r\n{"name":"victim"}`,
);

async function callOnNewConnection(connection: Connection): Promise<void> {
  const conn = await dial(connection, "http/1.1");
  try {
    await conn.write(HTTP1_REQUEST);
    let text = "";
    const buffer = new Uint8Array(4096);
    for (let count; (count = await conn.read(buffer)) !== null;) {
      text += String.fromCharCode(...buffer.subarray(0, count));
      if (text.includes("Hello, victim!")) {
        break;
      }
    }
    if (!text.startsWith("HTTP/1.1 200") || !text.includes("Hello, victim!")) {
      throw new Error(`A new connection got ${JSON.stringify(text.slice(0, 60))}`);
    }
  } finally {
    conn.close();
  }
}

let connection: Connection | undefined;
let kept: KeptConnection | undefined;
let measured = { kept: new Measurement(), dial: new Measurement() };
let timer: ReturnType<typeof setInterval> | undefined;

async function obey(command: VictimCommand): Promise<unknown> {
  switch (command.do) {
    case "connect":
      connection = command;
      kept = new KeptConnection(await dial(connection, "h2"));
      return {};
    case "measure": {
      clearInterval(timer);
      measured = { kept: new Measurement(), dial: new Measurement() };
      const { dial } = command;
      timer = setInterval(() => {
        measured.kept.add(kept!.call());
        if (dial) {
          measured.dial.add(callOnNewConnection(connection!));
        }
      }, PERIOD_MS);
      return {};
    }
    case "report":
      if (command.wait) {
        clearInterval(timer);
        await measured.kept.settle();
        await measured.dial.settle();
      }
      return { kept: measured.kept.sample, dial: measured.dial.sample } satisfies VictimReport;
    case "disconnect":
      clearInterval(timer);
      kept?.close();
      return {};
  }
}

const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
for await (const line of lines) {
  const reply = await obey(JSON.parse(line)).catch((error) => ({ error: String(error) }));
  console.log(JSON.stringify(reply));
}
Deno.exit(0);
