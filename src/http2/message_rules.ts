/**
 * What makes a message malformed (RFC 9113 §8.1 to §8.5), of field sections that HPACK has decoded.
 *
 * These functions are pure: the same fields always give the same answer, which may be kept beside them. What they say is wrong never
 * quotes the peer, so that it can be logged and sent as it is. They do not compare content-length with what arrives, and
 * do not know in which order the sections of a message come.
 *
 * This module performs no I/O.
 */
import type { HeaderField, RequestHead, ResponseHead } from "../http/mod.ts";

// What a character may be part of: one bit each, for each of U+0000 to U+00FF.
const TOKEN = 1;
const LOWER_TOKEN = 2;
const VALUE = 4;
const TARGET = 8;
const AUTHORITY = 16;
const SCHEME = 32;

const CLASSES = buildClasses();

function buildClasses(): Uint8Array {
  const classes = new Uint8Array(256);
  for (let code = 0; code < 256; code++) {
    const character = String.fromCharCode(code);
    const isVisible = code > 0x20 && code < 0x7f;
    const isToken = /[!#$%&'*+.^_`|~0-9A-Za-z-]/.test(character); // RFC 9110 §5.6.2
    classes[code] = (isToken ? TOKEN : 0) |
      (isToken && !/[A-Z]/.test(character) ? LOWER_TOKEN : 0) |
      // "A field value MUST NOT contain the zero value, line feed, or carriage return at any position" (RFC 9113 §8.2.1)
      (/[\0\n\r]/.test(character) ? 0 : VALUE) |
      (isVisible && character !== "#" ? TARGET : 0) |
      // No userinfo (RFC 9113 §8.3.1), and nothing that would end an authority in a URI.
      (isVisible && !/[@/?#\\]/.test(character) ? AUTHORITY : 0) |
      (/[A-Za-z0-9+.-]/.test(character) ? SCHEME : 0); // RFC 3986 §3.1
  }
  return classes;
}

/** Whether all characters of a text are of a class. Characters above U+00FF are of none. */
function consistsOf(text: string, characterClass: number): boolean {
  for (let index = 0; index < text.length; index++) {
    if ((CLASSES[text.charCodeAt(index)]! & characterClass) === 0) {
      return false;
    }
  }
  return true;
}

const COLON = 0x3a;

/** What is wrong with a field that is no pseudo-header field, by itself; undefined when nothing is. */
function fieldProblem(name: string, value: string): string | undefined {
  if (name.length === 0 || !consistsOf(name, LOWER_TOKEN)) {
    return "Field name is empty or has a character that is not allowed";
  }
  const problem = valueProblem(value);
  if (problem !== undefined) {
    return problem;
  }
  switch (name) {
    // "An endpoint MUST NOT generate an HTTP/2 message containing connection-specific header fields" (RFC 9113 §8.2.2)
    case "connection":
    case "keep-alive":
    case "proxy-connection":
    case "transfer-encoding":
    case "upgrade":
      return `Connection-specific field ${name}`;
    case "te":
      return value === "trailers" ? undefined : "Field te is not trailers";
    default:
      return undefined;
  }
}

function valueProblem(value: string): string | undefined {
  if (!consistsOf(value, VALUE)) {
    return "Field value has a character that is not allowed";
  }
  // "A field value MUST NOT start or end with an ASCII whitespace character" (RFC 9113 §8.2.1)
  if (value.length > 0 && (isBlank(value.charCodeAt(0)) || isBlank(value.charCodeAt(value.length - 1)))) {
    return "Field value begins or ends with whitespace";
  }
  return undefined;
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** The number of a content-length (RFC 9110 §8.6); NaN for what is none or too large to count exactly. */
function parseContentLength(value: string): number {
  const length = /^[0-9]+$/.test(value) ? Number(value) : NaN;
  return Number.isSafeInteger(length) ? length : NaN;
}

/** What the regular fields of a section say together. */
interface RegularFields {
  /** Undefined when nothing is wrong. */
  readonly problem: string | undefined;
  readonly contentLength: number | undefined;
  readonly host: string | undefined;
}

/** Checks the fields from an index on, where the pseudo-header fields have ended. */
function checkRegularFields(fields: readonly HeaderField[], from: number): RegularFields {
  let problem: string | undefined;
  let contentLength: number | undefined;
  let host: string | undefined;
  for (let index = from; index < fields.length && problem === undefined; index++) {
    const { name, value } = fields[index]!;
    if (name.charCodeAt(0) === COLON) {
      problem = "Pseudo-header field after another field";
      break;
    }
    problem = fieldProblem(name, value);
    if (name === "content-length") {
      const length = parseContentLength(value);
      // Two that differ are how requests are smuggled (RFC 9110 §8.6).
      if (Number.isNaN(length) || contentLength !== undefined && contentLength !== length) {
        problem ??= "Field content-length is no number, or two that differ";
      }
      contentLength = length;
    } else if (name === "host") {
      if (host !== undefined) {
        problem ??= "Two fields host";
      }
      host = value;
    }
  }
  return { problem, contentLength, host };
}

/**
 * Checks the head of a request (RFC 9113 §8.3.1, §8.5).
 *
 * @returns What is wrong when it is malformed, as a text: a stream error of type PROTOCOL_ERROR.
 */
export function checkRequestHead(fields: readonly HeaderField[]): RequestHead | string {
  let method: string | undefined;
  let scheme: string | undefined;
  let authority: string | undefined;
  let path: string | undefined;
  let pseudo = 0;
  for (; pseudo < fields.length; pseudo++) {
    const { name, value } = fields[pseudo]!;
    if (name.charCodeAt(0) !== COLON) {
      break;
    }
    if (name === ":method" && method === undefined) {
      method = value;
    } else if (name === ":scheme" && scheme === undefined) {
      scheme = value;
    } else if (name === ":authority" && authority === undefined) {
      authority = value;
    } else if (name === ":path" && path === undefined) {
      path = value;
    } else {
      return "Pseudo-header field that is unknown, or there twice";
    }
  }
  const { problem, contentLength, host } = checkRegularFields(fields, pseudo);
  const target = problem ?? targetProblem(method, scheme, authority, path) ?? hostProblem(scheme, authority, host);
  if (target !== undefined) {
    return target;
  }
  return {
    method: method!,
    scheme: scheme ?? "",
    authority: authority ?? host ?? "",
    path: path ?? "",
    fields: fields.slice(pseudo),
    contentLength,
    memo: undefined,
  };
}

/** What is wrong with the pseudo-header fields of a request. */
function targetProblem(
  method: string | undefined,
  scheme: string | undefined,
  authority: string | undefined,
  path: string | undefined,
): string | undefined {
  if (method === undefined || method === "" || !consistsOf(method, TOKEN)) {
    return "No valid :method";
  }
  if (authority !== undefined && (authority === "" || !consistsOf(authority, AUTHORITY))) {
    return "No valid :authority";
  }
  if (method === "CONNECT") {
    // "The ":scheme" and ":path" pseudo-header fields MUST be omitted. The ":authority" pseudo-header field contains the host
    // and port to connect to" (RFC 9113 §8.5)
    return scheme === undefined && path === undefined && authority !== undefined && /.:[0-9]{1,5}$/.test(authority)
      ? undefined
      : "CONNECT has :authority with a port, and neither :scheme nor :path";
  }
  if (scheme === undefined || !/^[A-Za-z]/.test(scheme) || !consistsOf(scheme, SCHEME)) {
    return "No valid :scheme";
  }
  // "This pseudo-header field MUST NOT be empty for "http" or "https" URIs" (RFC 9113 §8.3.1). Without the slash, what is compared with
  // "/admin" is not what is then called.
  const isPath = path !== undefined && (path.charCodeAt(0) === 0x2f || path === "*" && method === "OPTIONS");
  return isPath && consistsOf(path, TARGET) ? undefined : "No valid :path";
}

/** "A server SHOULD treat a request as malformed if it contains a Host header field that identifies an entity that differs" (RFC 9113 §8.3.1) */
function hostProblem(
  scheme: string | undefined,
  authority: string | undefined,
  host: string | undefined,
): string | undefined {
  if (host === undefined || host === authority) {
    return undefined;
  }
  if (!consistsOf(host, AUTHORITY)) {
    return "No valid host";
  }
  return authority === undefined || normalized(host, scheme) === normalized(authority, scheme)
    ? undefined
    : "Fields host and :authority differ";
}

/** An authority without what makes no difference: capitals and the default port (RFC 9110 §4.2.3). */
function normalized(authority: string, scheme: string | undefined): string {
  const port = scheme === "https" ? ":443" : scheme === "http" ? ":80" : "";
  const lower = authority.toLowerCase();
  return port !== "" && lower.endsWith(port) ? lower.slice(0, -port.length) : lower;
}

/**
 * Checks the head of a response, also of an informational one (RFC 9113 §8.3.2).
 *
 * @returns What is wrong when it is malformed, as a text: a stream error of type PROTOCOL_ERROR.
 */
export function checkResponseHead(fields: readonly HeaderField[]): ResponseHead | string {
  const first = fields[0];
  if (first?.name !== ":status" || !/^[1-9][0-9][0-9]$/.test(first.value)) {
    return "No valid :status";
  }
  // "HTTP/2 removes support for the 101 (Switching Protocols) informational status code" (RFC 9113 §8.6)
  if (first.value === "101") {
    return "Status 101";
  }
  if (fields[1]?.name.charCodeAt(0) === COLON) {
    return "Pseudo-header field that is unknown, or there twice";
  }
  const { problem, contentLength } = checkRegularFields(fields, 1);
  return problem ?? { status: Number(first.value), fields: fields.slice(1), contentLength };
}

/**
 * Checks trailers (RFC 9113 §8.1), of a request or a response.
 *
 * @returns What is wrong when they are malformed, as a text: a stream error of type PROTOCOL_ERROR. Undefined when nothing is.
 */
export function checkTrailers(fields: readonly HeaderField[]): string | undefined {
  for (const { name, value } of fields) {
    // "Pseudo-header fields MUST NOT appear in a trailer section" (RFC 9113 §8.3)
    const problem = name.charCodeAt(0) === COLON ? "Pseudo-header field in trailers" : fieldProblem(name, value);
    if (problem !== undefined) {
      return problem;
    }
  }
  return undefined;
}

/**
 * Checks a head of our own, pseudo-header fields first: a "client" sends requests, a "server" responses.
 *
 * @throws {TypeError} A peer would find it malformed. The message names the field that is not allowed, and does not show its value, which
 *   may be secret.
 */
export function checkOutgoingHead(fields: readonly HeaderField[], role: "client" | "server"): void {
  const pseudoFields = fields.findIndex(({ name }) => name.charCodeAt(0) !== COLON);
  checkOutgoingFields(fields, pseudoFields < 0 ? fields.length : pseudoFields);
  const head = role === "client" ? checkRequestHead(fields) : checkResponseHead(fields);
  if (typeof head === "string") {
    throw new TypeError(`Cannot send a head that is malformed: ${head}`);
  }
}

/** Checks trailers of our own. @throws {TypeError} As {@linkcode checkOutgoingHead}. */
export function checkOutgoingTrailers(fields: readonly HeaderField[]): void {
  checkOutgoingFields(fields, 0);
}

function checkOutgoingFields(fields: readonly HeaderField[], from: number): void {
  for (let index = from; index < fields.length; index++) {
    const { name, value } = fields[index]!;
    const problem = outgoingProblem(name, value);
    if (problem !== undefined) {
      throw new TypeError(`Cannot send the field ${JSON.stringify(name)}: ${problem}`);
    }
  }
}

function outgoingProblem(name: string, value: string): string | undefined {
  // A colon is no token character, so this covers pseudo-header fields too.
  if (fieldProblem(name, value) === undefined) {
    return undefined;
  }
  if (name.charCodeAt(0) === COLON) {
    return "pseudo-header fields come first, and in heads only";
  }
  if (name !== name.toLowerCase()) {
    return "names are lower case";
  }
  if (name === "" || !consistsOf(name, LOWER_TOKEN)) {
    return "the name is empty or has a character that is not allowed";
  }
  if (!consistsOf(value, VALUE)) {
    return "the value has NUL, CR, LF or a character above U+00FF";
  }
  return valueProblem(value) === undefined
    ? "it is about a connection, which HTTP/2 does not allow"
    : "the value begins or ends with whitespace";
}
