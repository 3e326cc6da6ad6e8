/**
 * Calls of Edgewire's client by gRPC on one connection, so many at a time:
 * `edgewire_client.ts PORT IN_FLIGHT WARM_UP_SECONDS SECONDS`.
 */
import process from "node:process";
import { createClient } from "@connectrpc/connect";
import { createHttp2Client, createTransport } from "../../../mod.ts";
import { Greeter } from "../../../gen/hello_codec.ts";

const [port, inFlight, warmUpSeconds, seconds] = Deno.args.map(Number) as [number, number, number, number];
const httpClient = createHttp2Client({ baseUrl: `http://127.0.0.1:${port}`, maxConnections: 1 });
const transport = createTransport({ protocol: "grpc", httpClient });
const client = createClient(Greeter, transport);

async function callFor(durationMs: number): Promise<number> {
  const endMs = performance.now() + durationMs;
  let calls = 0;
  const caller = async () => {
    while (performance.now() < endMs) {
      const { message } = await client.sayHello({ name: "World" });
      if (message !== "Hello, World!") {
        throw new Error(`Wrong answer: ${message}`);
      }
      calls++;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
  return calls;
}

console.log("ready");
await callFor(warmUpSeconds * 1000);
const [cpu, startMs] = [process.cpuUsage(), performance.now()];
const calls = await callFor(seconds * 1000);
const { user, system } = process.cpuUsage(cpu);
console.log(
  `${calls} calls ${Math.round((user + system) / 1000)} cpu-ms ${Math.round(performance.now() - startMs)} ms`,
);
await httpClient.close();
