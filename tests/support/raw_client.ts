/** A client that sends what it is told and reads HTTP/1.1 answers strictly. It shares nothing with the engine. */
import { Buffer } from "node:buffer";
import { type Socket, within } from "./sockets.ts";

/** An answer of HTTP/1.1. */
export interface RawAnswer {
  readonly status: number;
  /** Names in lower case; of those that occur several times the last. */
  readonly fields: ReadonlyMap<string, string>;
  readonly body: string;
}

/** See the top of the file. Text is Latin-1. */
export class RawClient {
  readonly socket: Socket;
  readonly #patienceMs: number;
  #received = "";
  #hasEnded = false;

  /** @param patienceMs How long the server may say nothing. */
  constructor(socket: Socket, patienceMs = 5000) {
    this.socket = socket;
    this.#patienceMs = patienceMs;
  }

  /** Connects without TLS. */
  static async connect(
    address: { readonly hostname: string; readonly port: number },
    patienceMs?: number,
  ): Promise<RawClient> {
    const socket = await Deno.connect({ hostname: address.hostname, port: address.port });
    socket.setNoDelay();
    return new RawClient(socket, patienceMs);
  }

  /** Sends text, in pieces of `size` octets that the server reads one by one, as far as the system lets it. */
  async send(text: string | Uint8Array, size = Infinity): Promise<void> {
    const octets = typeof text === "string" ? Buffer.from(text, "latin1") : text;
    for (let start = 0; start < octets.length; start += size) {
      for (let position = start, end = Math.min(octets.length, start + size); position < end;) {
        position += await this.socket.write(octets.subarray(position, end));
      }
      if (size < octets.length) {
        await new Promise((resolve) => setTimeout(resolve));
      }
    }
  }

  /** Reads one answer. @throws {Error} It is none, or the connection ended in the middle of it, or nothing came for too long. */
  async readAnswer(isHead = false): Promise<RawAnswer> {
    const head = await this.#readThrough("\r\n\r\n");
    const [statusLine, ...lines] = head.slice(0, -4).split("\r\n");
    const status = /^HTTP\/1\.1 ([1-5][0-9][0-9]) [^\r\n]*$/.exec(statusLine!)?.[1];
    if (status === undefined) {
      throw new Error(`No status line: ${statusLine}`);
    }
    const fields = new Map<string, string>();
    for (const line of lines) {
      const [, name, value] = /^([!-9;-~]+):[ \t]*([^\r\n]*?)[ \t]*$/.exec(line) ?? [];
      if (name === undefined) {
        throw new Error(`No field line: ${line}`);
      }
      fields.set(name.toLowerCase(), value!);
    }
    const answer = { status: Number(status), fields };
    if (isHead || status.startsWith("1") || status === "204" || status === "304") {
      return { ...answer, body: "" };
    }
    if (fields.get("transfer-encoding") === "chunked") {
      return { ...answer, body: await this.#readChunks() };
    }
    const length = fields.get("content-length");
    return { ...answer, body: length === undefined ? await this.readAll() : await this.#readLength(Number(length)) };
  }

  /** Reads to the end of the connection; a reset is one, too. */
  async readAll(): Promise<string> {
    while (await this.#more()) {
      // More.
    }
    return this.#take(this.#received.length);
  }

  close(): void {
    try {
      this.socket.close();
    } catch {
      // It was closed.
    }
  }

  async #readChunks(): Promise<string> {
    let body = "";
    while (true) {
      const size = Number.parseInt(await this.#readThrough("\r\n"), 16);
      if (size === 0) {
        while (await this.#readThrough("\r\n") !== "\r\n") {
          // Trailers.
        }
        return body;
      }
      body += await this.#readLength(size);
      await this.#readLength(2);
    }
  }

  async #readThrough(mark: string): Promise<string> {
    while (!this.#received.includes(mark)) {
      await this.#expectMore();
    }
    return this.#take(this.#received.indexOf(mark) + mark.length);
  }

  async #readLength(length: number): Promise<string> {
    while (this.#received.length < length) {
      await this.#expectMore();
    }
    return this.#take(length);
  }

  #take(length: number): string {
    const taken = this.#received.slice(0, length);
    this.#received = this.#received.slice(length);
    return taken;
  }

  async #expectMore(): Promise<void> {
    if (!await this.#more()) {
      throw new Error(`The connection ended after ${JSON.stringify(this.#received.slice(0, 200))}`);
    }
  }

  async #more(): Promise<boolean> {
    const buffer = new Uint8Array(65_536);
    const length = this.#hasEnded ? null : await within(this.#patienceMs, this.socket.read(buffer).catch(() => null));
    this.#hasEnded = length === null;
    if (length !== null) {
      this.#received += Buffer.from(buffer.subarray(0, length)).toString("latin1");
    }
    return length !== null;
  }
}
