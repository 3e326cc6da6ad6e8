/**
 * Heads and trailers that we send: whether they may be sent, and their octets (RFC 9112 §4, §5).
 *
 * Octets of a list that is frozen are made once for the whole process. This module performs no I/O.
 */
import type { HeaderField } from "../http/mod.ts";
import { CLASSES, COLON, HTAB, LOWER_TOKEN, octetsOf, SP, VALUE } from "./octets.ts";

/** A head as octets, without what is only known when it is sent. */
export interface ResponseHead {
  readonly status: number;
  /** The status line and the field lines, each with its CRLF, without the empty line. */
  readonly octets: Uint8Array;
  /** Octets of content; undefined when it is not said. */
  readonly contentLength: number | undefined;
  readonly hasDate: boolean;
}

/** What a status is called (RFC 9110 §15); it may be left out, but not the space before it (RFC 9112 §4). */
const PHRASES: Readonly<Record<number, string>> = {
  100: "Continue",
  103: "Early Hints",
  200: "OK",
  201: "Created",
  202: "Accepted",
  204: "No Content",
  206: "Partial Content",
  301: "Moved Permanently",
  302: "Found",
  303: "See Other",
  304: "Not Modified",
  307: "Temporary Redirect",
  308: "Permanent Redirect",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  409: "Conflict",
  412: "Precondition Failed",
  413: "Content Too Large",
  414: "URI Too Long",
  415: "Unsupported Media Type",
  416: "Range Not Satisfiable",
  417: "Expectation Failed",
  421: "Misdirected Request",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  499: "Client Closed Request",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
  505: "HTTP Version Not Supported",
};

const heads = new WeakMap<readonly HeaderField[], ResponseHead>();

/**
 * The head that a list says, `:status` first.
 *
 * @throws {TypeError} It may not be sent. The message names the field, and does not show its value, which may be secret.
 */
export function responseHeadOf(fields: readonly HeaderField[]): ResponseHead {
  const known = heads.get(fields);
  if (known !== undefined) {
    return known;
  }
  const head = buildHead(fields);
  // Another list may become another one.
  if (Object.isFrozen(fields)) {
    heads.set(fields, head);
  }
  return head;
}

/** The octets of trailers, with their CRLFs. @throws {TypeError} As {@linkcode responseHeadOf}. */
export function trailersOf(fields: readonly HeaderField[]): Uint8Array {
  let text = "";
  for (const { name, value } of fields) {
    checkField(name, value);
    if (name === "content-length" || name === "host" || name === "trailer") {
      throw new TypeError(`Cannot send the field "${name}": it is for heads only`);
    }
    text += `${name}: ${value}\r\n`;
  }
  return octetsOf(text);
}

function buildHead(fields: readonly HeaderField[]): ResponseHead {
  const first = fields[0];
  if (first?.name !== ":status" || !/^[1-9][0-9][0-9]$/.test(first.value)) {
    throw new TypeError("Cannot send a head that is malformed: No valid :status");
  }
  const status = Number(first.value);
  if (status === 101) {
    throw new TypeError("Cannot send a head that is malformed: Status 101");
  }
  let contentLength: number | undefined;
  let hasDate = false;
  let text = `HTTP/1.1 ${first.value} ${PHRASES[status] ?? ""}\r\n`;
  for (let index = 1; index < fields.length; index++) {
    const { name, value } = fields[index]!;
    checkField(name, value);
    if (name === "content-length") {
      const length = /^[0-9]+$/.test(value) ? Number(value) : NaN;
      if (!Number.isSafeInteger(length) || contentLength !== undefined) {
        throw new TypeError("Cannot send a head that is malformed: Field content-length is no number, or there twice");
      }
      contentLength = length;
      // "A server MUST NOT send a Content-Length header field in any response with a status code of 1xx (Informational) or 204 (No
      // Content)." (RFC 9110 §8.6)
      if (status < 200 || status === 204) {
        continue;
      }
    }
    hasDate ||= name === "date";
    text += `${name}: ${value}\r\n`;
  }
  return { status, octets: octetsOf(text), contentLength, hasDate };
}

function checkField(name: string, value: string): void {
  const problem = fieldProblem(name, value);
  if (problem !== undefined) {
    throw new TypeError(`Cannot send the field ${JSON.stringify(name)}: ${problem}`);
  }
}

function fieldProblem(name: string, value: string): string | undefined {
  if (name.charCodeAt(0) === COLON) {
    return "pseudo-header fields come first, and in heads only";
  }
  for (let index = 0; index < name.length; index++) {
    const code = name.charCodeAt(index);
    if (LOWER_TOKEN[code] !== code) {
      return /[A-Z]/.test(name) ? "names are lower case" : "the name is empty or has a character that is not allowed";
    }
  }
  if (name === "") {
    return "the name is empty or has a character that is not allowed";
  }
  for (let index = 0; index < value.length; index++) {
    if ((CLASSES[value.charCodeAt(index)]! & VALUE) === 0) {
      return "the value has a control character or one above U+00FF";
    }
  }
  if (isBlank(value.charCodeAt(0)) || isBlank(value.charCodeAt(value.length - 1))) {
    return "the value begins or ends with whitespace";
  }
  switch (name) {
    case "connection":
    case "keep-alive":
    case "proxy-connection":
    case "transfer-encoding":
    case "upgrade":
    case "te":
      return "it is about the connection, which is not the business of an answer";
    default:
      return undefined;
  }
}

function isBlank(code: number): boolean {
  return code === SP || code === HTAB;
}
