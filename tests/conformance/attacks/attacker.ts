/**
 * Carries out one attack, in a process of its own: `attacker.ts NAME`. Says `{}` when it is loaded, takes the target from stdin as a line of JSON with
 * `durationMs` instead of `endMs`, says `{}` when it begins, and at the end what it saw.
 */
import type { Outcome, Target } from "./attack.ts";
import { findAttack } from "./groups.ts";
import { TextLineStream } from "./line_stream.ts";
import { bytesSent } from "./sockets.ts";

/** How much longer than it should an attack may take to look at what it did, in milliseconds. */
const LATE_MS = 12_000;

const attack = findAttack(Deno.args[0] ?? "");
console.log("{}");
const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
for await (const line of lines) {
  const { durationMs, ...target } = JSON.parse(line) as Omit<Target, "endMs"> & { durationMs: number };
  let endMs: number | undefined;
  const begin = () => {
    if (endMs === undefined) {
      endMs = performance.now() + durationMs;
      console.log("{}");
    }
    return endMs;
  };
  const { promise: late, resolve } = Promise.withResolvers<Outcome>();
  setTimeout(
    () => resolve({ faults: ["the attack got no response that it waits for"] }),
    durationMs + LATE_MS,
  );
  const run = async () =>
    await attack.run(Object.defineProperty({ ...target, endMs: 0 }, "endMs", { get: begin, enumerable: true }));
  const outcome = await Promise.race([run(), late]).catch((error): Outcome => ({
    faults: [`the attack could not be carried out: ${error}`],
  }));
  begin();
  console.log(JSON.stringify({ ...outcome, bytesSent: bytesSent() }));
  break;
}
Deno.exit(0); // With all connections that are open.
