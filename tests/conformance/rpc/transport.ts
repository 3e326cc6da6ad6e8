/** The transport that a call is made by, and what carries it: HTTP/2 by our own client, HTTP/1.1 by `fetch`, or both by `fetch`. */
import type { Transport } from "@connectrpc/connect";
import { createFetchClient, createHttp2Client, createTransport, type Protocol } from "../../../mod.ts";
import type { HttpClient } from "../../../src/http/mod.ts";
import { nodeCompressions } from "../../../src/rpc/node/mod.ts";
import {
  type ClientCompatRequest,
  Codec,
  COMPRESSION_NAMES,
  HttpVersion,
  Protocol as NamedProtocol,
  registry,
} from "./messages.ts";

const PROTOCOLS: Readonly<Record<number, Protocol>> = {
  [NamedProtocol.CONNECT]: "connect",
  [NamedProtocol.GRPC]: "grpc",
  [NamedProtocol.GRPC_WEB]: "grpc-web",
};

const TEXT_DECODER = new TextDecoder();

const clients = new Map<string, HttpClient>();

/** @param onlyFetch Whether `fetch` carries HTTP/2, too. */
export function transportFor(request: ClientCompatRequest, onlyFetch: boolean): Transport {
  const compressionName = COMPRESSION_NAMES[request.compression];
  const compression = nodeCompressions.find(({ name }) => name === compressionName);
  return createTransport({
    baseUrl: baseUrlOf(request),
    protocol: PROTOCOLS[request.protocol],
    httpClient: clientFor(request, onlyFetch),
    useBinaryFormat: request.codec === Codec.PROTO,
    useHttpGet: request.useGetHttpMethod,
    maxMessageBytes: request.messageReceiveLimit,
    acceptCompressions: compression === undefined ? [] : [compression],
    sendCompression: compression,
    compressMinBytes: 0,
    jsonOptions: { registry },
  });
}

function baseUrlOf({ serverTlsCert, host, port }: ClientCompatRequest): string {
  return `${serverTlsCert.length > 0 ? "https" : "http"}://${host}:${port}`;
}

/**
 * Servers that are asked for again are called by the same client. By `fetch`, calls that will be cancelled have one of their own: while one makes a
 * connection of HTTP/2, the others wait for it, and in Deno 2.9.6 they fail when that one is cancelled.
 */
function clientFor(request: ClientCompatRequest, onlyFetch: boolean): HttpClient {
  const { testName, host, port, httpVersion, serverTlsCert, clientTlsCreds, cancel } = request;
  const owner = onlyFetch && cancel !== undefined ? testName : undefined;
  const key = JSON.stringify([host, port, httpVersion, clientTlsCreds !== undefined, owner]);
  let client = clients.get(key);
  if (client === undefined) {
    const tls = {
      ...serverTlsCert.length > 0 ? { caCerts: [TEXT_DECODER.decode(serverTlsCert)] } : {},
      ...clientTlsCreds === undefined
        ? {}
        : { cert: TEXT_DECODER.decode(clientTlsCreds.cert), key: TEXT_DECODER.decode(clientTlsCreds.key) },
    };
    const isHttp2 = httpVersion === HttpVersion.HTTP_2;
    client = isHttp2 && !onlyFetch
      ? createHttp2Client({ baseUrl: baseUrlOf(request), ...tls })
      : createFetchClient({ fetch: fetchBy(Deno.createHttpClient({ http1: !isHttp2, http2: isHttp2, ...tls })) });
    clients.set(key, client);
  }
  return client;
}

function fetchBy(client: Deno.HttpClient): typeof fetch {
  return (input, init) => fetch(input, { ...init, client });
}
