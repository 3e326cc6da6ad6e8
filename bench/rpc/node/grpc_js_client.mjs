/**
 * Calls of grpc-js' client on one connection, so many at a time:
 * `node grpc_js_client.mjs PORT IN_FLIGHT WARM_UP_SECONDS SECONDS`.
 */
import { credentials } from "@grpc/grpc-js";
import { Greeter } from "./protos.mjs";

const [port, inFlight, warmUpSeconds, seconds] = process.argv.slice(2).map(Number);
const client = new Greeter(`127.0.0.1:${port}`, credentials.createInsecure());

function sayHello() {
  return new Promise((resolve, reject) =>
    client.sayHello({ name: "World" }, (error, reply) => error ? reject(error) : resolve(reply))
  );
}

async function callFor(durationMs) {
  const endMs = performance.now() + durationMs;
  let calls = 0;
  const caller = async () => {
    while (performance.now() < endMs) {
      const { message } = await sayHello();
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
client.close();
