/** What a program is asked to be: the only argument of each, as JSON. */
import type { Wire } from "./wire.ts";

/** What servers and clients are told. */
export interface Task extends Pick<Wire, "protocol" | "version"> {
  readonly protoPath: string;
  /** A file with what `buf build` makes of `echo.proto`. */
  readonly descriptorsPath: string;
  /** PEM: what a server shows, and a client trusts. Undefined without TLS. */
  readonly certPath?: string | undefined;
}

/** To serve until SIGTERM, on any port of 127.0.0.1, having said `listening on 12345`. */
export interface ServerTask extends Task {
  readonly role: "server";
  /** The certificate's. */
  readonly keyPath?: string | undefined;
}

/** To make calls as `lines.ts` says. */
export interface ClientTask extends Task {
  readonly role: "client";
  /** The server's. It begins with `https` if there is a certificate. */
  readonly url: string;
}
