/** connect-node on Node: a server or a client. */
import { readFileSync } from "node:fs";
import http from "node:http";
import http2 from "node:http2";
import https from "node:https";
import type { Transport } from "@connectrpc/connect";
import {
  connectNodeAdapter,
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { createConnectCaller } from "../connect_caller.ts";
import { createEchoRoutes } from "../connect_routes.ts";
import { readEchoSchema } from "../echo_schema.ts";
import type { ClientTask, ServerTask } from "../task.ts";
import { KEEPALIVE_INTERVAL_MS, listen, makeCalls, MAX_MESSAGE_BYTES, readTask } from "./program.ts";

const task = readTask();
const schema = readEchoSchema(readFileSync(task.descriptorsPath));

function createServer({ version, certPath, keyPath }: ServerTask) {
  const handler = connectNodeAdapter({ routes: createEchoRoutes(schema), readMaxBytes: MAX_MESSAGE_BYTES });
  if (certPath === undefined || keyPath === undefined) {
    return version === "2" ? http2.createServer(handler) : http.createServer(handler);
  }
  const pair = { cert: readFileSync(certPath), key: readFileSync(keyPath) };
  return version === "2" ? http2.createSecureServer(pair, handler) : https.createServer(pair, handler);
}

function createTransport({ protocol, version, url, certPath }: ClientTask): Transport {
  const options = {
    baseUrl: url,
    httpVersion: version,
    readMaxBytes: MAX_MESSAGE_BYTES,
    ...version === "2" ? { pingIntervalMs: KEEPALIVE_INTERVAL_MS } : {},
    nodeOptions: certPath === undefined ? {} : { ca: readFileSync(certPath) },
  };
  switch (protocol) {
    case "connect":
      return createConnectTransport({ ...options, useHttpGet: true });
    case "grpc":
      return createGrpcTransport(options);
    case "grpc-web":
      return createGrpcWebTransport(options);
  }
}

if (task.role === "server") {
  listen(createServer(task));
} else {
  await makeCalls(createConnectCaller(createTransport(task), schema));
}
