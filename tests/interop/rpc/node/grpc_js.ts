/** grpc-js on Node: a server or a client. */
import { readFileSync } from "node:fs";
import { ChannelCredentials, ServerCredentials } from "@grpc/grpc-js";
import { createGrpcJsCaller } from "./grpc_js_client.ts";
import { loadGrpcJsSchema } from "./grpc_js_schema.ts";
import { createGrpcJsServer } from "./grpc_js_server.ts";
import { makeCalls, readTask, sayPort } from "./program.ts";

const task = readTask();
const { certPath } = task;
const schema = loadGrpcJsSchema(task.protoPath);

if (task.role === "server") {
  const { keyPath } = task;
  const credentials = certPath === undefined || keyPath === undefined
    ? ServerCredentials.createInsecure()
    : ServerCredentials.createSsl(null, [{ cert_chain: readFileSync(certPath), private_key: readFileSync(keyPath) }]);
  createGrpcJsServer(schema).bindAsync("127.0.0.1:0", credentials, (error, port) => {
    if (error !== null) {
      throw error;
    }
    sayPort(port);
  });
} else {
  const credentials = certPath === undefined
    ? ChannelCredentials.createInsecure()
    : ChannelCredentials.createSsl(readFileSync(certPath));
  await makeCalls(createGrpcJsCaller(new URL(task.url).host, credentials, schema));
}
