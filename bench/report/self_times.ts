/** What a profile of V8's says of each function by itself, without those that it calls. */
import type { Profiler } from "node:inspector";

/** A profile, and what V8 does not know. */
export interface Profile extends Profiler.Profile {
  /** CPU that the thread of JavaScript used meanwhile. */
  readonly cpuMicroseconds: number;
  /** Whether the profiler could interrupt the program at any time. If not, functions in which it waits are overrated. */
  readonly hasPrecedence: boolean;
}

/** A function, and how much of the time it took. */
export interface SelfTime {
  /**
   * Operations of Deno have names, but no place. `(program)` is other native code that was called, `(event loop)` what Deno and the kernel do between
   * calls, as reading; `(garbage collector)` is what it says.
   */
  readonly name: string;
  /** As in `src/http2/engine.ts:12`. */
  readonly place: string;
  /** Of the time in which the thread of JavaScript was not idle. */
  readonly share: number;
}

/** V8 is idle, and so is Deno, unless it uses CPU. */
const IDLE = "(idle)";

/** All functions, those that took most at first. @param root The folder that places are seen from, as a URL with a slash. */
export function selfTimes(profile: Omit<Profile, "hasPrecedence">, root: string): readonly SelfTime[] {
  const functions = new Map<string, { readonly name: string; readonly place: string; samples: number }>();
  let [all, active] = [0, 0];
  for (const { callFrame: { functionName, url, lineNumber }, hitCount: samples = 0 } of profile.nodes) {
    all += samples;
    if (samples === 0 || functionName === IDLE) {
      continue;
    }
    active += samples;
    const name = functionName === "" ? "(anonymous)" : functionName;
    const place = url === "" ? "" : `${url.startsWith(root) ? url.slice(root.length) : url}:${lineNumber + 1}`;
    const key = `${name} ${place}`;
    const known = functions.get(key);
    if (known === undefined) {
      functions.set(key, { name, place, samples });
    } else {
      known.samples += samples;
    }
  }
  const withCpu = all * profile.cpuMicroseconds / (profile.endTime - profile.startTime);
  if (withCpu > active) {
    functions.set("", { name: "(event loop)", place: "", samples: withCpu - active });
    active = withCpu;
  }
  return [...functions.values()].sort((a, b) => b.samples - a.samples)
    .map(({ name, place, samples }) => ({ name, place, share: samples / active }));
}

/** As lines for a terminal. */
export function formatSelfTimes(times: readonly SelfTime[]): string {
  return times.map(({ name, place, share }) =>
    `${(share * 100).toFixed(1).padStart(7)} %  ${name.padEnd(30)}  ${place}`
  )
    .map((line) => line.trimEnd()).join("\n");
}
