/** Connections that are reset before the server accepts them. Deno closes a socket by FIN, so this asks the C library. */
import type { Target } from "./attack.ts";

const AF_INET = 2;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOL_SOCKET = 1;
const SO_LINGER = 13;

const libc = () =>
  Deno.dlopen("libc.so.6", {
    socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
    connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
    setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
    send: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
    close: { parameters: ["i32"], result: "i32" },
  });

/** Makes connections of IPv4 with the system's own calls. */
export class RawSockets {
  readonly #libc = libc();
  readonly #address: Uint8Array<ArrayBuffer>;

  constructor({ hostname, port }: Target) {
    this.#address = new Uint8Array(16);
    this.#address.set([AF_INET, 0, port >> 8, port & 0xff, ...hostname.split(".").map(Number)]);
  }

  /**
   * Connects, sends if there is something to send, and closes: by RST, unless `reset` is false. Does not wait: on loopback a connection is there at
   * once, or the server's queue is full.
   */
  touch(
    { reset = true, content }: { readonly reset?: boolean; readonly content?: Uint8Array<ArrayBuffer> } = {},
  ): void {
    const { symbols } = this.#libc;
    const descriptor = symbols.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    symbols.connect(descriptor, this.#address, this.#address.length);
    if (content !== undefined) {
      symbols.send(descriptor, content, BigInt(content.length), 0);
    }
    if (reset) {
      symbols.setsockopt(descriptor, SOL_SOCKET, SO_LINGER, new Uint8Array(new Int32Array([1, 0]).buffer), 8);
    }
    symbols.close(descriptor);
  }

  [Symbol.dispose](): void {
    this.#libc.close();
  }
}
