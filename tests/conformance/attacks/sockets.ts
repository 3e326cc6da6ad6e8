/** The attacker's connections. */
import { connect } from "node:net";
import {
  ACK,
  callBlock,
  data,
  dataFrames,
  type Fields,
  FrameType,
  headers,
  join,
  latin1,
  ping,
  PREFACE,
  Setting,
  settings,
  SETTINGS_ACK,
  windowUpdate,
} from "./frames.ts";
import type { Target } from "./attack.ts";

const MAX_WINDOW = 0x7fff_ffff;

let sentBytes = 0;

/** Bytes that this process has sent. */
export function bytesSent(): number {
  return sentBytes;
}

/** Whether the attack has neither time nor bytes left. */
export function isOver({ endMs, maxBytes }: Target): boolean {
  return performance.now() >= endMs || sentBytes >= maxBytes;
}

/** Begins the attack, whose beginning the suite waits for: what is to be sent has been made. */
export function begin({ endMs }: Target): number {
  return endMs;
}

export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Waits for the end of the attack, without a byte more. */
export function waitForEnd({ endMs }: Target): Promise<void> {
  return sleep(Math.max(0, endMs - performance.now()));
}

/** Does something again and again, `perSecond` times at most, until the attack is over. */
export async function atRate(target: Target, perSecond: number, step: () => unknown): Promise<number> {
  const startMs = performance.now();
  let count = 0;
  while (!isOver(target)) {
    const due = Math.floor((performance.now() - startMs) * perSecond / 1000) + 1;
    for (; count < due && !isOver(target); count++) {
      await step();
    }
    await sleep(5);
  }
  return count;
}

/** Opens `count` connections and more work with them, 500 a second at most: what hurts is to be that they are there. */
export async function inSteps(count: number, open: (index: number) => Promise<unknown>): Promise<void> {
  for (let index = 0; index < count; index += 10) {
    await onEach(Math.min(10, count - index), (offset) => open(index + offset));
    await sleep(20);
  }
}

/** Runs something on `count` connections at once, each for itself. The server may refuse some of them. */
export async function onEach(count: number, run: (index: number) => Promise<unknown>): Promise<number> {
  const results = await Promise.allSettled(Array.from({ length: count }, (_, index) => run(index)));
  return results.filter(({ status }) => status === "fulfilled").length;
}

/** A connection of bytes. */
export class Wire {
  /** What came, up to 256 KiB, as Latin-1. */
  text = "";
  receivedBytes = 0;
  isClosed = false;
  readonly #conn: Deno.Conn;
  #ended: Promise<void> | undefined;
  #sending = Promise.resolve(true);

  constructor(conn: Deno.Conn) {
    this.#conn = conn;
  }

  /** Connects, with TLS if the server has it. */
  static async connect(target: Target, alpnProtocol = "http/1.1"): Promise<Wire> {
    begin(target);
    const address = { hostname: target.hostname, port: target.port };
    if (target.caCert === undefined) {
      const wire = new Wire(await Deno.connect(address));
      if (target.greeting !== "") {
        await wire.send(target.greeting);
      }
      return wire;
    }
    const conn = await Deno.connectTls({ ...address, caCerts: [target.caCert], alpnProtocols: [alpnProtocol] });
    await conn.handshake();
    return new Wire(conn);
  }

  /** Connects without TLS and a greeting, also to a server that wants them. */
  static async connectBare(target: Target): Promise<Wire> {
    begin(target);
    const { hostname, port } = target;
    return new Wire(await Deno.connect({ hostname, port }));
  }

  /** Reads and forgets, but for the beginning, until the server closes. Without it the server's responses are not taken. */
  read(onChunk?: (chunk: Uint8Array) => void): Promise<void> {
    return this.#ended ??= this.#readAll(onChunk);
  }

  async #readAll(onChunk: ((chunk: Uint8Array) => void) | undefined): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    try {
      for (let count; (count = await this.#conn.read(buffer)) !== null;) {
        this.receivedBytes += count;
        if (onChunk !== undefined) {
          onChunk(buffer.subarray(0, count));
        } else if (this.text.length < 256 * 1024) {
          this.text += String.fromCharCode(...buffer.subarray(0, Math.min(count, 8192)));
        }
      }
    } catch {
      // Reset: as good an end as any.
    }
    this.isClosed = true;
  }

  /** Sends all, behind what was to be sent before; false if the server has ended the connection. */
  send(content: Uint8Array | string): Promise<boolean> {
    return this.#sending = this.#write(this.#sending, typeof content === "string" ? latin1(content) : content);
  }

  async #write(before: Promise<boolean>, bytes: Uint8Array): Promise<boolean> {
    await before;
    try {
      for (let offset = 0; offset < bytes.length;) {
        const count = await this.#conn.write(bytes.subarray(offset));
        offset += count;
        sentBytes += count;
      }
      return !this.isClosed;
    } catch {
      this.isClosed = true;
      return false;
    }
  }

  /** Sends again and again until the attack is over, or the server ends the connection. Returns how often. */
  async flood(target: Target, content: Uint8Array | string | (() => Uint8Array | string)): Promise<number> {
    let count = 0;
    while (!isOver(target) && await this.#sendInTime(target, typeof content === "function" ? content() : content)) {
      count++;
    }
    return count;
  }

  /** Sends, but does not wait beyond the end of the attack for a server that has stopped reading. */
  async #sendInTime(target: Target, content: Uint8Array | string): Promise<boolean> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const tooLate = new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), Math.max(0, target.endMs - performance.now()));
    });
    const isSent = await Promise.race([this.send(content), tooLate]);
    clearTimeout(timer);
    return isSent;
  }

  /** Ends its own half of the connection. */
  async closeWrite(): Promise<void> {
    await this.#conn.closeWrite().catch(() => {});
  }

  close(): void {
    try {
      this.#conn.close();
    } catch {
      // It is closed.
    }
  }
}

/** What a peer does that is asked for nothing in particular. */
export interface Http2Options {
  /** The entries of the first SETTINGS frame. @default none */
  readonly settings?: readonly (readonly [number, number])[];
  /** Whether windows are opened as responses come. @default true */
  readonly takesResponses?: boolean;
  /** Whether the socket is read at all. @default true */
  readonly reads?: boolean;
}

/** A connection of HTTP/2 that counts what comes. */
export class Http2Wire {
  readonly wire: Wire;
  nextStreamId = 1;
  /** Frames by type. */
  readonly frames: number[] = new Array(10).fill(0);
  /** Error code and debug data of the server's GOAWAY. */
  goaway = "";
  /** Streams that are over: reset, or ended by the server. */
  readonly ended = new Set<number>();
  readonly reset = new Map<number, number>();
  dataBytes = 0;
  /** The DATA of streams for which {@linkcode keep} was called. */
  readonly contents = new Map<number, number[]>();
  readonly #takesResponses: boolean;
  /** What may be sent: on the connection, on a new stream, and on streams that were sent on. */
  #window = 65_535;
  #initialWindow = 65_535;
  readonly #windows = new Map<number, number>();
  #rest: Uint8Array = new Uint8Array(0);
  #waiting: (() => void)[] = [];

  private constructor(wire: Wire, takesResponses: boolean) {
    this.wire = wire;
    this.#takesResponses = takesResponses;
  }

  static async connect(target: Target, options: Http2Options = {}): Promise<Http2Wire> {
    const { takesResponses = true, reads = true } = options;
    const http2 = new Http2Wire(await Wire.connect(target, "h2"), takesResponses);
    const opening = takesResponses ? windowUpdate(0, MAX_WINDOW - 65535) : new Uint8Array(0);
    await http2.wire.send(join(PREFACE, settings(...options.settings ?? []), opening));
    if (reads) {
      http2.wire.read((chunk) => http2.#receive(chunk)).then(() => http2.#wake());
    }
    return http2;
  }

  get isClosed(): boolean {
    return this.wire.isClosed || this.goaway !== "";
  }

  takeStreamId(): number {
    const id = this.nextStreamId;
    this.nextStreamId += 2;
    return id;
  }

  /** Calls a method. */
  async call(path: string, body: Uint8Array, contentType?: string, more?: Fields): Promise<number> {
    const id = this.takeStreamId();
    await this.wire.send(join(headers(id, callBlock(path, contentType, more)), dataFrames(id, body, true)));
    return id;
  }

  /** Sends DATA as far as the server's windows allow, for a peer that breaks no rule. Ends early with the attack, or the connection. */
  async sendData(target: Target, streamId: number, content: Uint8Array): Promise<void> {
    for (let offset = 0; offset < content.length && !this.isClosed && !isOver(target);) {
      const window = this.#windows.get(streamId) ?? this.#initialWindow;
      const length = Math.min(16_384, this.#window, window, content.length - offset);
      if (length <= 0) {
        await this.#news();
        continue;
      }
      this.#window -= length;
      this.#windows.set(streamId, window - length);
      await this.wire.send(data(streamId, content.subarray(offset, offset + length)));
      offset += length;
    }
  }

  /** Resolves when something has come, or soon. */
  #news(): Promise<unknown> {
    return Promise.race([new Promise<void>((resolve) => this.#waiting.push(resolve)), sleep(50)]);
  }

  /** Resolves to whether a stream was ended by the server, and not reset, before the time is up. */
  async answered(streamId: number, timeoutMs = 5000): Promise<boolean> {
    const endMs = performance.now() + timeoutMs;
    while (!this.ended.has(streamId) && !this.wire.isClosed && performance.now() < endMs) {
      await this.#news();
    }
    return this.ended.has(streamId) && !this.reset.has(streamId);
  }

  /** Keeps the DATA of a stream. */
  keep(streamId: number): void {
    this.contents.set(streamId, []);
  }

  close(): void {
    this.wire.close();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    waiting.forEach((resolve) => resolve());
  }

  #receive(chunk: Uint8Array): void {
    const bytes = this.#rest.length === 0 ? chunk : join(this.#rest, chunk);
    let offset = 0;
    while (bytes.length - offset >= 9) {
      const length = bytes[offset]! << 16 | bytes[offset + 1]! << 8 | bytes[offset + 2]!;
      if (bytes.length - offset < 9 + length) {
        break;
      }
      const streamId = new DataView(bytes.buffer, bytes.byteOffset + offset + 5).getUint32(0) & MAX_WINDOW;
      const payload = bytes.subarray(offset + 9, offset + 9 + length);
      this.#handle(bytes[offset + 3]!, bytes[offset + 4]!, streamId, payload);
      offset += 9 + length;
    }
    this.#rest = bytes.slice(offset);
    this.#wake();
  }

  #takeSettings(payload: Uint8Array): void {
    for (let offset = 0; offset < payload.length; offset += 6) {
      if (payload[offset + 1] === Setting.initialWindowSize) {
        const size = new DataView(payload.buffer, payload.byteOffset + offset + 2).getUint32(0);
        for (const [id, window] of this.#windows) {
          this.#windows.set(id, window + size - this.#initialWindow);
        }
        this.#initialWindow = size;
      }
    }
  }

  #handle(type: number, flags: number, streamId: number, payload: Uint8Array): void {
    this.frames[type] = (this.frames[type] ?? 0) + 1;
    switch (type) {
      case FrameType.data:
        this.dataBytes += payload.length;
        this.contents.get(streamId)?.push(...payload);
        if (this.#takesResponses && payload.length > 0) {
          this.wire.send(join(windowUpdate(0, payload.length), windowUpdate(streamId, payload.length)));
        }
        break;
      case FrameType.settings:
        if ((flags & ACK) === 0) {
          this.#takeSettings(payload);
          this.wire.send(SETTINGS_ACK);
        }
        break;
      case FrameType.ping:
        if ((flags & ACK) === 0) {
          this.wire.send(ping(ACK, String.fromCharCode(...payload)));
        }
        break;
      case FrameType.windowUpdate: {
        const increment = new DataView(payload.buffer, payload.byteOffset).getUint32(0);
        if (streamId === 0) {
          this.#window += increment;
        } else {
          this.#windows.set(streamId, (this.#windows.get(streamId) ?? this.#initialWindow) + increment);
        }
        break;
      }
      case FrameType.rstStream:
        this.ended.add(streamId);
        this.reset.set(streamId, payload[3]!);
        break;
      case FrameType.goaway:
        this.goaway = `GOAWAY ${payload[7]} ${String.fromCharCode(...payload.subarray(8, 72))}`.trim();
        break;
    }
    if ((type === FrameType.data || type === FrameType.headers) && (flags & 1) === 1) {
      this.ended.add(streamId);
    }
  }
}

/** Asks once by HTTP/1.1, and gives the status (0: none came) and all the rest. */
export async function ask(
  target: Target,
  request: string | Uint8Array,
  timeoutMs = 5000,
): Promise<{ readonly status: number; readonly text: string }> {
  const wire = await Wire.connect(target);
  const reading = wire.read();
  await wire.send(request);
  const timer = setTimeout(() => wire.close(), timeoutMs);
  await reading;
  clearTimeout(timer);
  wire.close();
  return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(wire.text)?.[1] ?? 0), text: wire.text };
}

/** The address of a client that is not the attacker. */
const OTHER_ADDRESS = "127.0.0.2";

/** Asks once by HTTP/1.1, as a client with another address. */
async function askFromElsewhere(
  { hostname: host, port }: Target,
  request: Uint8Array,
  timeoutMs = 5000,
): ReturnType<typeof ask> {
  const socket = connect({ host, port, localAddress: OTHER_ADDRESS });
  const timer = setTimeout(() => socket.destroy(), timeoutMs);
  let text = "";
  await new Promise<void>((resolve) => {
    socket.on("connect", () => socket.write(request));
    socket.on("data", (chunk) => text += chunk.toString("latin1"));
    socket.on("error", () => resolve());
    socket.on("close", () => resolve());
  });
  clearTimeout(timer);
  return { status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0), text };
}

/** Calls once by Connect in JSON, on a connection of its own. */
export async function callJson(
  target: Target,
  path: string,
  message: unknown,
  { more = "", isFromElsewhere = false }: { readonly more?: string; readonly isFromElsewhere?: boolean } = {},
): Promise<{ readonly status: number; readonly text: string }> {
  const body = new TextEncoder().encode(JSON.stringify(message));
  const head = `POST ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n` +
    `${more}content-length: ${body.length}\r\n\r\n`;
  const request = join(latin1(head), body);
  return isFromElsewhere ? await askFromElsewhere(target, request) : await ask(target, request);
}
