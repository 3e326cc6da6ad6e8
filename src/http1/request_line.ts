/** The request line (RFC 9112 §3). This module performs no I/O. */
import { type Fault, Faults } from "./faults.ts";
import { CLASSES, LOWER_TOKEN, SP, TARGET, textOf } from "./octets.ts";

/** The HTTP versions that are spoken. A minor version above 1 counts as 1 (RFC 9110 §2.5). */
export type HttpVersion = "1.0" | "1.1";

/** What a request line says. */
export interface RequestLine {
  readonly method: string;
  readonly version: HttpVersion;
  /** Lower case; undefined where the target does not say it. */
  readonly scheme: string | undefined;
  /** Undefined where the target does not say it. */
  readonly authority: string | undefined;
  /** Path and query; `*` in an OPTIONS request for the server itself; empty in CONNECT. */
  readonly path: string;
}

/** `uri-host [ ":" port ]` without userinfo (RFC 3986 §3.2): an IP literal in brackets, or a name, and a port that may be empty. */
const AUTHORITY = /^(?:\[[0-9A-Za-z:.]+\]|[0-9A-Za-z._~%!$&'()*+,;=-]+)(?::[0-9]{0,5})?$/;
const ABSOLUTE = /^(https?):\/\/([^/?]*)(.*)$/i;

/** Methods that need not be made for each request. */
const METHODS = ["POST", "GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"];

/** Whether a text names a host, with a port or without. */
export function isAuthority(text: string): boolean {
  return AUTHORITY.test(text);
}

/** Parses a request line. @param end Where its CRLF begins. */
export function parseRequestLine(buffer: Uint8Array, start: number, end: number): RequestLine | Fault {
  let position = start;
  while (position < end && LOWER_TOKEN[buffer[position]!] !== 0) {
    position++;
  }
  if (position === end) {
    return Faults.BAD_REQUEST_LINE;
  }
  if (buffer[position] !== SP) {
    return Faults.BAD_METHOD;
  }
  if (position === start) {
    return Faults.BAD_REQUEST_LINE;
  }
  const method = methodOf(buffer, start, position);
  const targetStart = ++position;
  while (position < end && (CLASSES[buffer[position]!]! & TARGET) !== 0) {
    position++;
  }
  if (position === targetStart || position === end) {
    return Faults.BAD_REQUEST_LINE;
  }
  if (buffer[position] !== SP) {
    return Faults.BAD_TARGET;
  }
  const version = versionOf(buffer, position + 1, end);
  if (typeof version !== "string") {
    return version;
  }
  return parseTarget(method, textOf(buffer, targetStart, position), version);
}

function methodOf(buffer: Uint8Array, start: number, end: number): string {
  for (const method of METHODS) {
    if (method.length === end - start && isText(buffer, start, method)) {
      return method;
    }
  }
  return textOf(buffer, start, end);
}

function isText(buffer: Uint8Array, start: number, text: string): boolean {
  for (let index = 0; index < text.length; index++) {
    if (buffer[start + index] !== text.charCodeAt(index)) {
      return false;
    }
  }
  return true;
}

/** "HTTP-version is case-sensitive." (RFC 9112 §2.3) */
function versionOf(buffer: Uint8Array, start: number, end: number): HttpVersion | Fault {
  const text = textOf(buffer, start, Math.min(end, start + 16));
  if (text === "HTTP/1.1") {
    return "1.1";
  }
  const digits = /^HTTP\/([0-9])\.([0-9])$/.exec(text);
  if (digits === null) {
    if (!/^http\//i.test(text) && !/[ \t]/.test(text)) {
      return Faults.NOT_HTTP;
    }
    return /[ \t]/.test(text) ? Faults.BAD_REQUEST_LINE : Faults.BAD_VERSION;
  }
  return digits[1] !== "1" ? Faults.VERSION_NOT_SUPPORTED : digits[2] === "0" ? "1.0" : "1.1";
}

/** The four forms of RFC 9112 §3.2. */
function parseTarget(method: string, target: string, version: HttpVersion): RequestLine | Fault {
  if (method === "CONNECT") {
    // "A client MUST send the port number even if the CONNECT request is based on a URI reference that [...] omits a port" (RFC 9110 §9.3.6)
    return isAuthority(target) && /:[0-9]+$/.test(target)
      ? { method, version, scheme: undefined, authority: target, path: "" }
      : Faults.BAD_TARGET;
  }
  if (target.charCodeAt(0) === 0x2f || target === "*" && method === "OPTIONS") {
    return { method, version, scheme: undefined, authority: undefined, path: target };
  }
  const [, scheme, authority, rest] = ABSOLUTE.exec(target) ?? [];
  if (scheme === undefined || authority === undefined || rest === undefined) {
    return Faults.BAD_TARGET;
  }
  if (!isAuthority(authority)) {
    return Faults.BAD_AUTHORITY;
  }
  const path = rest === "" && method === "OPTIONS" ? "*" : rest.charCodeAt(0) === 0x2f ? rest : `/${rest}`;
  return { method, version, scheme: scheme.toLowerCase(), authority, path };
}
