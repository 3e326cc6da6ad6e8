import { createTransport as createConnectTransport } from "@connectrpc/connect/protocol-connect";
import { createTransport as createGrpcWebTransport } from "@connectrpc/connect/protocol-grpc-web";
import { createFetchClient } from "@connectrpc/connect/protocol";
import type { Transport } from "@connectrpc/connect";
import { type ClientCompatRequest, Codec, COMPRESSION_NAMES, HttpVersion, Protocol, registry } from "./messages.ts";
import { compressions } from "./dev_compressions.ts";

const clients = new Map<string, Deno.HttpClient>();

export function transportFor(request: ClientCompatRequest): Transport {
  const text = new TextDecoder();
  const key = JSON.stringify([request.host, request.port, request.httpVersion]);
  let client = clients.get(key);
  if (client === undefined) {
    const h1 = request.httpVersion === HttpVersion.HTTP_1;
    client = Deno.createHttpClient({
      http1: h1,
      http2: !h1,
      caCerts: request.serverTlsCert.length ? [text.decode(request.serverTlsCert)] : [],
      ...request.clientTlsCreds
        ? { cert: text.decode(request.clientTlsCreds.cert), key: text.decode(request.clientTlsCreds.key) }
        : {},
    });
    clients.set(key, client);
  }
  const compression = compressions.filter((c) => c.name === COMPRESSION_NAMES[request.compression]);
  const opt = {
    baseUrl: `${request.serverTlsCert.length ? "https" : "http"}://${request.host}:${request.port}`,
    httpClient: createFetchClient(((input, init) => fetch(input, { ...init, client })) as typeof fetch),
    useBinaryFormat: request.codec === Codec.PROTO,
    interceptors: [],
    acceptCompression: compression,
    sendCompression: compression[0] ?? null,
    compressMinBytes: -1,
    readMaxBytes: request.messageReceiveLimit,
    writeMaxBytes: 0xffffffff,
    jsonOptions: { registry },
    useHttpGet: request.useGetHttpMethod,
  };
  return request.protocol === Protocol.GRPC_WEB ? createGrpcWebTransport(opt) : createConnectTransport(opt);
}
