/**
 * Calls of a client under Node by gRPC on one connection, so many at a time:
 * `node client.mjs grpc-js|connect-node PORT IN_FLIGHT WARM_UP_SECONDS SECONDS`.
 */
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { credentials } from "@grpc/grpc-js";
import * as protos from "./protos.mjs";

const [name, ...numbers] = process.argv.slice(2);
const [port, inFlight, warmUpSeconds, seconds] = numbers.map(Number);

const clients = {
  "grpc-js"() {
    const client = new protos.Greeter(`127.0.0.1:${port}`, credentials.createInsecure());
    return (request) =>
      new Promise((resolve, reject) =>
        client.sayHello(request, (error, reply) => error ? reject(error) : resolve(reply))
      );
  },
  async "connect-node"() {
    const { Greeter } = await import(new URL("gen/hello_pb.js", import.meta.url).href);
    const client = createClient(Greeter, createGrpcTransport({ baseUrl: `http://127.0.0.1:${port}` }));
    return (request) => client.sayHello(request);
  },
};
const sayHello = await clients[name]();

async function callFor(durationMs) {
  const endMs = performance.now() + durationMs;
  let calls = 0;
  const caller = async () => {
    while (performance.now() < endMs) {
      const { message } = await sayHello({ name: "World" });
      if (message !== "Hello, World!") {
        throw new Error(`Wrong answer: ${message}`);
      }
      calls++;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
  return calls;
}

await callFor(warmUpSeconds * 1000);
const [cpu, startMs] = [process.cpuUsage(), performance.now()];
const calls = await callFor(seconds * 1000);
const { user, system } = process.cpuUsage(cpu);
console.log(
  `${calls} calls ${Math.round((user + system) / 1000)} cpu-ms ${Math.round(performance.now() - startMs)} ms`,
);
process.exit();
