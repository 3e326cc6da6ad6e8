/** What a program is asked to be: the only argument of each, as JSON. */
import type { Wire } from "./wire.ts";

/** A server says `listening on 12345` and serves until SIGTERM. A client makes calls as `lines.ts` says. */
export interface Task extends Pick<Wire, "protocol" | "version"> {
  readonly role: "server" | "client";
  readonly protoPath: string;
  /** A file with what `buf build` makes of `echo.proto`. */
  readonly descriptorsPath: string;
  /** Of clients: the server's. It begins with `https` if there is a certificate. */
  readonly url: string;
  /** PEM: what a server shows, and a client trusts. Undefined without TLS. */
  readonly certPath?: string | undefined;
  /** Of servers, the certificate's. */
  readonly keyPath?: string | undefined;
}
