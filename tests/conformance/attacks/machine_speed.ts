/** How fast the machine is now: other guests of a shared one take up to a half of it, for minutes. */

/** How long {@linkcode work} takes on the machine of which the limit is said (2 cores at 2.1 GHz) when it is quiet, in milliseconds. */
const REFERENCE_MS = 3.7;
const ROUNDS = 7;

/** Compares how long a piece of work takes now with how long it takes when the machine is quiet: 1, or more when it is slower. */
export function slowness(): number {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const beganMs = performance.now();
    work();
    times.push(performance.now() - beganMs);
  }
  times.sort((a, b) => a - b);
  return Math.max(1, times[ROUNDS >> 1]! / REFERENCE_MS);
}

const bytes = new Uint8Array(1 << 16);

/** Goes over bytes, as a server does. */
function work(): number {
  let hash = 1;
  for (let round = 0; round < 40; round++) {
    for (let index = 0; index < bytes.length; index++) {
      hash = (Math.imul(hash, 31) + bytes[index]!) | 0;
      bytes[index] = hash;
    }
  }
  return hash;
}
