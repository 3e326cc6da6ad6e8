/** The ways that a call can take: protocol, version of HTTP, with or without TLS. */

/** A way. */
export interface Wire {
  readonly protocol: "connect" | "grpc" | "grpc-web";
  readonly version: "1.1" | "2";
  readonly isTls: boolean;
}

/** All ways. gRPC has HTTP/2 only. */
export const WIRES: readonly Wire[] = [false, true].flatMap((isTls) => [
  { protocol: "grpc", version: "2", isTls },
  { protocol: "grpc-web", version: "2", isTls },
  { protocol: "connect", version: "2", isTls },
  { protocol: "grpc-web", version: "1.1", isTls },
  { protocol: "connect", version: "1.1", isTls },
]);

const PROTOCOL_NAMES = { connect: "Connect", grpc: "gRPC", "grpc-web": "gRPC-Web" };

/** As in a table: `gRPC-Web, h2c`. */
export function wireName({ protocol, version, isTls }: Wire): string {
  const transport = version === "2" ? (isTls ? "h2" : "h2c") : `HTTP/1.1${isTls ? ", TLS" : ""}`;
  return `${PROTOCOL_NAMES[protocol]}, ${transport}`;
}
