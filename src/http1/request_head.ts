/**
 * What the head of a request says: where it goes, how its body is delimited (RFC 9112 §6), and what becomes of the connection (§9).
 *
 * Whatever two readers could understand in two ways is refused, because that is what requests are smuggled with. This module performs no I/O.
 */
import type { HeaderField, RequestHead } from "../http/mod.ts";
import { type Fault, Faults, isFault } from "./faults.ts";
import { parseFieldLines } from "./field_lines.ts";
import { type HttpVersion, isAuthority, type RequestLine } from "./request_line.ts";

/** The head of a request, with what only HTTP/1 has. The fields are frozen; `host` is as the authority, whatever was received. */
export interface Http1RequestHead extends RequestHead {
  readonly version: HttpVersion;
}

/** A head, and what the connection has to know of it. */
export interface ParsedHead {
  readonly head: Http1RequestHead;
  /** Whether the body is in chunks. */
  readonly isChunked: boolean;
  /** Whether nothing follows the head. */
  readonly isBodyless: boolean;
  /** Whether the peer wants to use the connection again. */
  readonly isPersistent: boolean;
  /** Whether the peer may wait for 100 (Continue) before it sends the body. */
  readonly expectsContinue: boolean;
  /** Whether the peer takes trailers. */
  readonly takesTrailers: boolean;
  /** Bytes of the field lines. */
  readonly length: number;
}

/** What fields say that matter for the connection. */
interface Framing {
  host: string | undefined;
  contentLength: number | undefined;
  isChunked: boolean;
  closes: boolean;
  expectsContinue: boolean;
  takesTrailers: boolean;
}

/**
 * Parses the field lines of a head and says what it means.
 *
 * @param start Where the field lines begin.
 * @param end Where the empty line begins that ends them.
 * @param scheme That of the connection.
 */
export function parseRequestHead(
  line: RequestLine,
  buffer: Uint8Array,
  start: number,
  end: number,
  scheme: string,
): ParsedHead | Fault {
  const fields = parseFieldLines(buffer, start, end);
  if (isFault(fields)) {
    return fields;
  }
  const { method, version } = line;
  const framing = framingOf(fields, version);
  if (isFault(framing)) {
    return framing;
  }
  const { host, contentLength, isChunked } = framing;
  // "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request message that lacks a Host header field" (RFC 9112 §3.2)
  if (host === undefined && version === "1.1") {
    return Faults.NO_HOST;
  }
  const isBodyless = !isChunked && (contentLength ?? 0) === 0;
  const isConnect = method === "CONNECT";
  // "A CONNECT request message does not have content." (RFC 9110 §9.3.6) What comes then may be meant for the tunnel.
  if (isConnect && !isBodyless) {
    return Faults.CONTENT_IN_CONNECT;
  }
  const head: Http1RequestHead = {
    method,
    scheme: isConnect ? "" : line.scheme ?? scheme,
    authority: line.authority ?? host ?? "",
    path: line.path,
    // "When an origin server receives a request with an absolute-form of request-target, the origin server MUST ignore the received Host
    // header field (if any)" (RFC 9112 §3.2.2): so must everybody behind us.
    fields: line.authority === undefined || line.authority === host ? fields : withHost(fields, line.authority),
    contentLength,
    version,
    memo: undefined,
  };
  return {
    head,
    isChunked,
    isBodyless,
    // HTTP/1.0 has persistent connections only by agreement, which we do not enter (RFC 9112 §9.3).
    isPersistent: !framing.closes && version === "1.1" && !isConnect,
    expectsContinue: framing.expectsContinue && !isBodyless,
    takesTrailers: framing.takesTrailers && version === "1.1",
    length: end - start,
  };
}

function withHost(fields: readonly HeaderField[], authority: string): readonly HeaderField[] {
  return Object.freeze(fields.map((field) => field.name === "host" ? { name: "host", value: authority } : field));
}

function framingOf(fields: readonly HeaderField[], version: HttpVersion): Framing | Fault {
  const framing: Framing = {
    host: undefined,
    contentLength: undefined,
    isChunked: false,
    closes: false,
    expectsContinue: false,
    takesTrailers: false,
  };
  for (const { name, value } of fields) {
    const fault = receiveField(framing, name, value, version);
    if (fault !== undefined) {
      return fault;
    }
  }
  // "A server MAY reject a request that contains both Content-Length and Transfer-Encoding" (RFC 9112 §6.1)
  return framing.isChunked && framing.contentLength !== undefined ? Faults.LENGTH_AND_ENCODING : framing;
}

function receiveField(framing: Framing, name: string, value: string, version: HttpVersion): Fault | undefined {
  switch (name) {
    case "host":
      if (framing.host !== undefined) {
        return Faults.TWO_HOSTS;
      }
      framing.host = value;
      // It is empty when the target has no authority (RFC 9110 §7.2).
      return value === "" || isAuthority(value) ? undefined : Faults.BAD_HOST;
    case "content-length":
      // Equal ones may be one to a recipient, or an error (RFC 9110 §8.6): whoever was before us may have taken another of them.
      if (framing.contentLength !== undefined) {
        return Faults.TWO_CONTENT_LENGTHS;
      }
      if (!/^[0-9]+$/.test(value)) {
        return Faults.BAD_CONTENT_LENGTH;
      }
      framing.contentLength = Number(value);
      return Number.isSafeInteger(framing.contentLength) ? undefined : Faults.CONTENT_TOO_LARGE;
    case "transfer-encoding":
      return receiveTransferEncoding(framing, value, version);
    case "connection":
      framing.closes ||= hasToken(value, "close");
      return undefined;
    case "te":
      framing.takesTrailers ||= hasToken(value, "trailers");
      return undefined;
    case "expect":
      // "A server that receives a 100-continue expectation in an HTTP/1.0 request MUST ignore that expectation." (RFC 9110 §10.1.1)
      if (version === "1.0") {
        return undefined;
      }
      framing.expectsContinue = true;
      return value.toLowerCase() === "100-continue" ? undefined : Faults.UNKNOWN_EXPECTATION;
    default:
      return undefined;
  }
}

function receiveTransferEncoding(framing: Framing, value: string, version: HttpVersion): Fault | undefined {
  // "A server or client that receives an HTTP/1.0 message containing a Transfer-Encoding header field MUST treat the message as if the
  // framing is faulty" (RFC 9112 §6.1)
  if (version === "1.0") {
    return Faults.ENCODING_IN_HTTP_1_0;
  }
  if (framing.isChunked) {
    return Faults.TWO_TRANSFER_ENCODINGS;
  }
  framing.isChunked = true;
  return value.toLowerCase() === "chunked" ? undefined : Faults.UNKNOWN_TRANSFER_ENCODING;
}

/** Whether a list has a token, in whatever case and with whatever parameters. */
function hasToken(list: string, token: string): boolean {
  const lower = list.toLowerCase();
  return lower === token || lower.split(",").some((item) => item.split(";")[0]!.trim() === token);
}
