/** Tells HTTP/2 with prior knowledge from HTTP/1.1 by what a connection begins with (RFC 9113 §3.3, §3.4). */

import type { Socket } from "./sockets.ts";

/** What HTTP/2 begins with, and HTTP/1.1 never does: PRI is kept from being a method for that (RFC 9113 §11.6). */
const PREFACE = new TextEncoder().encode("PRI * HTTP/2.0\r\n");

/** As much as is read at once: the idle connection keeps it, to read on into. */
const BUFFER_SIZE = 1024;

/** What a connection speaks, and what was read of it to find out. */
export interface Sniffed {
  readonly isHttp2: boolean;
  /** What was read. Its buffer is large enough to read on into. */
  readonly chunk: Uint8Array<ArrayBuffer>;
}

/**
 * Reads until it is clear. Undefined when the peer ends before.
 *
 * @param begun What was read of the socket already.
 * @throws {Error} The connection broke.
 */
export async function sniff(socket: Socket, begun: Uint8Array = new Uint8Array(0)): Promise<Sniffed | undefined> {
  const buffer = new Uint8Array(BUFFER_SIZE + begun.length);
  buffer.set(begun);
  let length = begun.length;
  while (true) {
    const compared = Math.min(length, PREFACE.length);
    const isPreface = PREFACE.subarray(0, compared).every((octet, index) => octet === buffer[index]);
    if (!isPreface || compared === PREFACE.length) {
      return { isHttp2: isPreface, chunk: buffer.subarray(0, length) };
    }
    const read = await socket.read(buffer.subarray(length));
    if (read === null) {
      return undefined;
    }
    length += read;
  }
}
