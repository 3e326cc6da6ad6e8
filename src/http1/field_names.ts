/**
 * Field names that are expected, so that they need neither be made nor lowered again for each request. This module performs no I/O.
 */
import { LOWER_TOKEN, textOf } from "./octets.ts";

const KNOWN = [
  "accept accept-charset accept-encoding accept-language access-control-request-headers access-control-request-method authorization",
  "cache-control connect-accept-encoding connect-content-encoding connect-protocol-version connect-timeout-ms connection content-encoding",
  "content-language content-length content-type cookie date dnt expect forwarded grpc-accept-encoding grpc-encoding grpc-timeout host",
  "http2-settings if-match if-modified-since if-none-match if-range if-unmodified-since keep-alive last-event-id max-forwards origin pragma",
  "priority proxy-authorization proxy-connection range referer sec-ch-ua sec-ch-ua-mobile sec-ch-ua-platform sec-fetch-dest sec-fetch-mode",
  "sec-fetch-site sec-fetch-user sec-gpc te trailer traceparent tracestate transfer-encoding upgrade upgrade-insecure-requests user-agent",
  "via x-forwarded-for x-forwarded-host x-forwarded-port x-forwarded-proto x-grpc-web x-real-ip x-request-id x-requested-with x-user-agent",
].join(" ").split(" ");

/** So many that few of the known names share one. Those that do are made each time, as unknown ones are. */
const SLOTS = 1024;

const slots: (string | undefined)[] = new Array<string | undefined>(SLOTS).fill(undefined);
for (const name of KNOWN) {
  let hash = 0;
  for (let index = 0; index < name.length; index++) {
    hash = hashOf(hash, name.charCodeAt(index));
  }
  slots[hash & (SLOTS - 1)] ??= name;
}

/** The hash of a name of which one more octet, in lower case, is known. It begins with 0. */
export function hashOf(hash: number, octet: number): number {
  return Math.imul(hash, 31) + octet | 0;
}

/**
 * The name of token octets in lower case.
 *
 * @param hash What {@linkcode hashOf} gives for them.
 */
export function fieldNameOf(buffer: Uint8Array, start: number, end: number, hash: number): string {
  const known = slots[hash & (SLOTS - 1)];
  if (known !== undefined && known.length === end - start) {
    let index = 0;
    while (index < known.length && LOWER_TOKEN[buffer[start + index]!] === known.charCodeAt(index)) {
      index++;
    }
    if (index === known.length) {
      return known;
    }
  }
  return textOf(buffer, start, end).toLowerCase();
}
