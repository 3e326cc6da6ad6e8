/**
 * The rooms of `src/` and who may import whom: the map of ARCHITECTURE.md as data.
 * `tools/lint_plugin.ts` enforces the arrows, `tools/check_pure.ts` that pure rooms do no I/O.
 */

/** One folder of `src/`. Other rooms see it only through its doors, the files `mod.ts` in it. */
export interface Room {
  /** The rooms it may import. */
  readonly imports: readonly string[];
  /** Whether the room may neither do I/O nor name anything that does: `Deno`, `fetch`, timers, `console`. */
  readonly pure: boolean;
  /** Whether the room may import the generated stubs. */
  readonly stubs: boolean;
}

/** Every room, by the name of its folder. */
export const ROOMS: Readonly<Record<string, Room>> = {
  http: { imports: [], pure: true, stubs: false },
  user_code: { imports: [], pure: false, stubs: false },
  http1: { imports: ["http"], pure: true, stubs: false },
  http2: { imports: ["http"], pure: true, stubs: false },
  net: { imports: ["http", "http1", "http2", "user_code"], pure: false, stubs: false },
  codec: { imports: [], pure: true, stubs: false },
  rpc: { imports: ["http", "codec", "user_code"], pure: false, stubs: false },
  services: { imports: [], pure: false, stubs: true },
  ops: { imports: ["rpc", "user_code"], pure: false, stubs: true },
  workers: { imports: ["net", "ops", "services"], pure: false, stubs: false },
  flags: { imports: ["net", "ops"], pure: false, stubs: false },
  cli: { imports: ["flags", "net", "ops", "rpc"], pure: false, stubs: true },
};

/** What edges load: their program, and the library's entry for them. */
export const EDGE_ENTRIES: readonly string[] = ["edge.ts", "fetch.ts"];

/** The rooms that they may load, and of those only what runs without the Deno namespace. */
export const EDGE_ROOMS: readonly string[] = ["http", "user_code", "rpc", "services", "ops"];
