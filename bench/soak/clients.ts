/** The clients that make the calls of a soak: each protocol over each carrier, in both formats, compressed and not. */
import { type Client, createClient } from "@connectrpc/connect";
import { File } from "../../gen/edgewire/v1/file_codec.ts";
import { Greeter } from "../../gen/edgewire/v1/greeter_codec.ts";
import { Hash } from "../../gen/edgewire/v1/hash_codec.ts";
import { Health } from "../../gen/grpc/health/v1/health_codec.ts";
import {
  type Compression,
  createFetchClient,
  createHttp2Client,
  createTransport,
  type HttpClient,
  nodeCompressions,
  type TransportOptions,
} from "../../mod.ts";

/** The largest message that clients take or send: more than servers do, so that these have something to refuse. */
const MAX_MESSAGE_BYTES = 8 * 1024 * 1024;

/** What carries calls. */
export type Carrier = "h2" | "fetch1" | "fetch2";

/** Clients of the services, by one protocol over one carrier. */
export interface ServiceClients {
  /** As in `grpc/h2 gzip`. */
  readonly name: string;
  readonly carrier: Carrier;
  readonly greeter: Client<typeof Greeter>;
  readonly hash: Client<typeof Hash>;
  readonly file: Client<typeof File>;
  readonly health: Client<typeof Health>;
}

/** All the ways to call a server, until they are closed. */
export interface SoakClients {
  readonly all: readonly ServiceClients[];
  /** Waits for the calls under way. */
  shutdown(): Promise<void>;
  close(): Promise<void>;
}

/** Makes the clients of a server. They connect when they are called. */
export function createSoakClients(baseUrl: string): SoakClients {
  const runtimeClients = {
    fetch1: Deno.createHttpClient({ http1: true, http2: false }),
    fetch2: Deno.createHttpClient({ http1: false, http2: true }),
  };
  const fetchBy = (client: Deno.HttpClient) =>
    createFetchClient({ fetch: (input, init) => fetch(input, { ...init, client }) });
  const carriers: Readonly<Record<Carrier, HttpClient>> = {
    h2: createHttp2Client({ baseUrl }),
    fetch1: fetchBy(runtimeClients.fetch1),
    fetch2: fetchBy(runtimeClients.fetch2),
  };
  const by = (name: string, carrier: Carrier, options: TransportOptions): ServiceClients => {
    const transport = createTransport({
      baseUrl,
      httpClient: carriers[carrier],
      maxMessageBytes: MAX_MESSAGE_BYTES,
      ...options,
    });
    return {
      name,
      carrier,
      greeter: createClient(Greeter, transport),
      hash: createClient(Hash, transport),
      file: createClient(File, transport),
      health: createClient(Health, transport),
    };
  };
  const all = [
    by("connect/h2", "h2", { protocol: "connect" }),
    by("connect/h2 json gzip", "h2", { protocol: "connect", useBinaryFormat: false, ...compressed("gzip") }),
    by("connect/h2 get", "h2", { protocol: "connect", useHttpGet: true }),
    by("grpc/h2", "h2", { protocol: "grpc", acceptCompressions: [] }),
    by("grpc/h2 gzip", "h2", { protocol: "grpc", ...compressed("gzip") }),
    by("grpc/h2 json zstd", "h2", { protocol: "grpc", useBinaryFormat: false, ...compressed("zstd") }),
    by("grpc-web/h2 br", "h2", { protocol: "grpc-web", ...compressed("br") }),
    by("connect/fetch1", "fetch1", { protocol: "connect", acceptCompressions: [] }),
    by("connect/fetch1 json get", "fetch1", { protocol: "connect", useBinaryFormat: false, useHttpGet: true }),
    by("grpc-web/fetch1 gzip", "fetch1", { protocol: "grpc-web", ...compressed("gzip") }),
    by("connect/fetch2 deflate", "fetch2", { protocol: "connect", ...compressed("deflate") }),
    by("grpc-web/fetch2", "fetch2", { protocol: "grpc-web" }),
  ];
  const clients = Object.values(carriers);
  return {
    all,
    shutdown: async () => void await Promise.all(clients.map((client) => client.shutdown())),
    close: async () => {
      await Promise.all(clients.map((client) => client.close()));
      runtimeClients.fetch1.close();
      runtimeClients.fetch2.close();
    },
  };
}

/** Messages of 1 KiB and more are sent that way, and answers are asked for that way. */
function compressed(name: string): { sendCompression: Compression; acceptCompressions: Compression[] } {
  const compression = nodeCompressions.find((each) => each.name === name);
  if (compression === undefined) {
    throw new Error(`There is no compression "${name}"`);
  }
  return { sendCompression: compression, acceptCompressions: [compression] };
}
