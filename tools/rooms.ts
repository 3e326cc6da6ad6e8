/**
 * The rooms of `src/` and who may import whom: ARCHITECTURE.md as data.
 * `tools/lint_plugin.ts` enforces the arrows, `deno task check:pure` the rooms without I/O.
 */

/** One folder of `src/`. Other rooms see it only through its `mod.ts`. */
export interface Room {
  /** The rooms it may import. */
  readonly imports: readonly string[];
  /** Whether the room may neither do I/O nor name anything that does: `Deno`, `fetch`, timers, `console`. */
  readonly pure: boolean;
}

/** Every room, by the name of its folder. */
export const ROOMS: Readonly<Record<string, Room>> = {
  http: { imports: [], pure: true },
  http1: { imports: ["http"], pure: true },
  http2: { imports: ["http"], pure: true },
  net: { imports: ["http", "http1", "http2"], pure: false },
  codec: { imports: [], pure: true },
  rpc: { imports: ["http", "codec"], pure: false },
  services: { imports: [], pure: false },
  ops: { imports: [], pure: false },
  cli: { imports: ["rpc"], pure: false },
};
