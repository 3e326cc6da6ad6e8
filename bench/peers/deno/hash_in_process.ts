/** What hashing alone costs: `hash_in_process.ts MEBIBYTES CHUNK_BYTES` gives `node:crypto` so much, in chunks of that length. */
import { createHash } from "node:crypto";
import process from "node:process";

const [mebibytes, chunkBytes] = Deno.args.map(Number) as [number, number];
const chunk = new Uint8Array(chunkBytes).fill(7);

function hash(octets: number): void {
  const digest = createHash("sha256");
  for (let left = octets; left > 0; left -= chunk.length) {
    digest.update(chunk);
  }
  digest.digest();
}

hash(2 ** 26); // Warm-up
const [cpu, startMs] = [process.cpuUsage(), performance.now()];
hash(mebibytes * 2 ** 20);
const { user, system } = process.cpuUsage(cpu);
console.log(`${Math.round((user + system) / 1000)} cpu-ms ${Math.round(performance.now() - startMs)} ms`);
