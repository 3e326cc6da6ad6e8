/**
 * The PROXY protocol, versions 1 and 2 (https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt): before anything else a load balancer says whose
 * connection it passes on.
 */
import type { Socket } from "./sockets.ts";

const V2_SIGNATURE = Uint8Array.of(0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a);
const V2_HEADER = 16;

/** The longest line of version 1, with its CRLF. */
const MAX_V1_LENGTH = 107;

/** The longest header of version 2 that is read, extensions included. */
const MAX_V2_LENGTH = 4096;

/** What a header said. */
export interface ProxyHeader {
  /** Who is behind the balancer; undefined when it speaks for itself, as in its checks. */
  readonly peer: { readonly hostname: string; readonly port: number } | undefined;
  /** How many octets the header had. */
  readonly length: number;
}

/** Reads a header from the octets that a connection begins with. "incomplete" when there are too few, "invalid" when it is none. */
export function parseProxyHeader(octets: Uint8Array): ProxyHeader | "incomplete" | "invalid" {
  const compared = Math.min(octets.length, V2_SIGNATURE.length);
  if (compared > 0 && V2_SIGNATURE.subarray(0, compared).every((octet, index) => octet === octets[index])) {
    return octets.length < V2_HEADER ? "incomplete" : parseV2(octets);
  }
  return parseV1(octets);
}

function parseV1(octets: Uint8Array): ProxyHeader | "incomplete" | "invalid" {
  const text = String.fromCharCode(...octets.subarray(0, MAX_V1_LENGTH));
  const end = text.indexOf("\r\n");
  if (end < 0) {
    const isPossible = octets.length < MAX_V1_LENGTH && "PROXY ".startsWith(text.slice(0, 6));
    return isPossible ? "incomplete" : "invalid";
  }
  const length = end + 2;
  const line = text.slice(0, end);
  if (/^PROXY UNKNOWN(?: |$)/.test(line)) {
    return { peer: undefined, length };
  }
  const [, hostname, port] = /^PROXY TCP[46] ([0-9a-fA-F:.]+) [0-9a-fA-F:.]+ (\d{1,5}) \d{1,5}$/.exec(line) ?? [];
  return hostname === undefined ? "invalid" : { peer: { hostname, port: Number(port) }, length };
}

function parseV2(octets: Uint8Array): ProxyHeader | "incomplete" | "invalid" {
  const [versionAndCommand, family] = [octets[12]!, octets[13]!];
  const length = V2_HEADER + (octets[14]! << 8 | octets[15]!);
  if (versionAndCommand >> 4 !== 2 || (versionAndCommand & 0xf) > 1 || length > MAX_V2_LENGTH) {
    return "invalid";
  }
  if (octets.length < length) {
    return "incomplete";
  }
  const isLocal = (versionAndCommand & 0xf) === 0;
  const view = new DataView(octets.buffer, octets.byteOffset + V2_HEADER, length - V2_HEADER);
  if (isLocal || (family >> 4 !== 1 && family >> 4 !== 2)) {
    return { peer: undefined, length };
  }
  if (family >> 4 === 1) {
    return view.byteLength < 12
      ? "invalid"
      : { peer: { hostname: octets.subarray(V2_HEADER, V2_HEADER + 4).join("."), port: view.getUint16(8) }, length };
  }
  if (view.byteLength < 36) {
    return "invalid";
  }
  const groups = Array.from({ length: 8 }, (_, index) => view.getUint16(2 * index).toString(16));
  return { peer: { hostname: groups.join(":"), port: view.getUint16(32) }, length };
}

/** Reads the header of a connection, and what came behind it. @throws {Error} There is none, or the peer ended before. */
export async function readProxyHeader(socket: Socket): Promise<{ peer: ProxyHeader["peer"]; rest: Uint8Array }> {
  const buffer = new Uint8Array(V2_HEADER + MAX_V2_LENGTH);
  for (let length = 0; length < buffer.length;) {
    const read = await socket.read(buffer.subarray(length));
    if (read === null) {
      break;
    }
    length += read;
    const header = parseProxyHeader(buffer.subarray(0, length));
    if (header === "invalid") {
      break;
    }
    if (header !== "incomplete") {
      return { peer: header.peer, rest: buffer.subarray(header.length, length) };
    }
  }
  throw new Error("Cannot read a PROXY protocol header: there is none");
}
