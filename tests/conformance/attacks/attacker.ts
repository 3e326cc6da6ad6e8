/**
 * Carries out one attack, in a process of its own: `attacker.ts NAME`. Says `{}` when it is loaded, takes the target from stdin as a line of JSON with
 * `durationMs` instead of `endMs`, and says what it saw.
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
  const late = new Promise<Outcome>((resolve) =>
    setTimeout(() => resolve({ faults: ["the attack got no answer to what it waits for"] }), durationMs + LATE_MS)
  );
  const outcome = await Promise.race([
    attack.run({ ...target, endMs: performance.now() + durationMs }),
    late,
  ]).catch((error): Outcome => ({ faults: [`the attack could not be carried out: ${error}`] }));
  console.log(JSON.stringify({ ...outcome, bytesSent: bytesSent() }));
  break;
}
Deno.exit(0); // With all connections that are open.
