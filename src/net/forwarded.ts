/** Who a request is from, as the proxy in front says: `Forwarded` (RFC 7239), or the older `X-Forwarded-For` and `X-Forwarded-Proto`. */
import type { ConnectionInfo, HeaderField, ServeExchange } from "../http/mod.ts";

/**
 * Believes the proxy in front, which must be one of our own: anybody else may write into these fields what he likes. Of several
 * addresses the last one counts, which that proxy has added.
 */
export function trustForwarded(serve: ServeExchange): ServeExchange {
  return (exchange, head, endStream, connection) =>
    serve(exchange, head, endStream, forwarded(head.fields, connection));
}

function forwarded(fields: readonly HeaderField[], connection: ConnectionInfo): ConnectionInfo {
  let address: string | undefined;
  let scheme: string | undefined;
  for (const { name, value } of fields) {
    const last = value.slice(value.lastIndexOf(",") + 1).trim();
    if (name === "forwarded") {
      address = parameter(last, "for") ?? address;
      scheme = parameter(last, "proto") ?? scheme;
    } else if (name === "x-forwarded-for") {
      address ??= last;
    } else if (name === "x-forwarded-proto") {
      scheme ??= last;
    }
  }
  return {
    ...connection,
    peer: address === undefined ? connection.peer : parseAddress(address) ?? connection.peer,
    isTls: scheme === undefined ? connection.isTls : scheme.toLowerCase() === "https",
  };
}

/** A parameter of an element of `Forwarded`, without its quotes. */
function parameter(element: string, name: string): string | undefined {
  const [, quoted, token] = new RegExp(`(?:^|;)\\s*${name}=(?:"([^"]*)"|([^;"\\s]*))`, "i").exec(element) ?? [];
  return quoted ?? token;
}

/** The longest address with brackets and a port. Stops texts that a pattern takes long to refuse: the client chose them, if the proxy passes them on. */
const MAX_ADDRESS_LENGTH = 64;

/** `192.0.2.1`, `192.0.2.1:1234`, `[2001:db8::1]:1234` or, without brackets and port, `2001:db8::1`. Undefined for names and `unknown`. */
function parseAddress(text: string): { hostname: string; port: number } | undefined {
  if (text.length > MAX_ADDRESS_LENGTH) {
    return undefined;
  }
  const [, ipv6, ipv4, port] = /^(?:\[([0-9a-f:.]+)\]|(\d+\.\d+\.\d+\.\d+))(?::(\d{1,5}))?$/i.exec(text) ?? [];
  const hostname = ipv6 ?? ipv4 ?? (/^[0-9a-f:.]+$/i.test(text) && text.split(":").length > 2 ? text : undefined);
  return hostname === undefined ? undefined : { hostname, port: Number(port ?? 0) };
}
