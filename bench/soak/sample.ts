/** What Linux and the server say of a process, as often as they are asked. */
import { readMetrics } from "../../tests/support/prometheus.ts";

/** One look at a process. Sizes are in MiB. */
export interface ProcessSample {
  readonly rss: number;
  readonly fds: number;
  readonly threads: number;
  /** User and system time since its start, in seconds. */
  readonly cpuSeconds: number;
}

/** One look at the server, from outside and from inside. Sizes are in MiB. */
export interface ServerSample extends ProcessSample {
  readonly heap: number;
  readonly external: number;
  readonly connections: number;
  readonly openCalls: number;
}

const MIB = 1024 * 1024;

/** Clock ticks in a second, which Linux shows the same to all programs. */
const TICKS = 100;

/** Looks at a process of this machine. */
export function sampleProcess(pid: number): ProcessSample {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  const times = Deno.readTextFileSync(`/proc/${pid}/stat`).split(") ")[1]!.split(" ");
  return {
    rss: numberIn(status, /^VmRSS:\s+(\d+) kB$/m) / 1024,
    fds: [...Deno.readDirSync(`/proc/${pid}/fd`)].length,
    threads: numberIn(status, /^Threads:\s+(\d+)$/m),
    cpuSeconds: (Number(times[11]) + Number(times[12])) / TICKS,
  };
}

/** How often the threads of a process have waited for something. One that has nothing to do and no timers does not. */
export function countWaits(pid: number): number {
  return [...Deno.readDirSync(`/proc/${pid}/task`)]
    .map(({ name }) => Deno.readTextFileSync(`/proc/${pid}/task/${name}/status`))
    .reduce((sum, status) => sum + numberIn(status, /^voluntary_ctxt_switches:\s+(\d+)$/m), 0);
}

/** Looks at a server. @param adminUrl Where its metrics are. */
export async function sampleServer(pid: number, adminUrl: string): Promise<ServerSample> {
  const response = await fetch(`${adminUrl}/metrics`, { headers: { connection: "close" } });
  const text = await response.text();
  const read = readMetrics(text);
  const openCalls = text.matchAll(/^rpc_server_open_calls\{.*\} (\d+)$/gm);
  return {
    ...sampleProcess(pid),
    heap: read("process_heap_bytes")! / MIB,
    external: read("process_external_memory_bytes")! / MIB,
    connections: read("http_server_connections")!,
    openCalls: [...openCalls].reduce((sum, [, count]) => sum + Number(count), 0),
  };
}

/** How points rise: y for each x. */
export interface Slope {
  readonly slope: number;
  /** How uncertain it is, as a standard error, if what keeps the points from the line is chance. */
  readonly error: number;
}

/** The slope of the line through three points or more that has the least squares. */
export function slopeOf(points: readonly (readonly [x: number, y: number])[]): Slope {
  const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0);
  const meanX = sum(points.map(([x]) => x)) / points.length;
  const meanY = sum(points.map(([, y]) => y)) / points.length;
  const spread = sum(points.map(([x]) => (x - meanX) ** 2));
  const slope = sum(points.map(([x, y]) => (x - meanX) * (y - meanY))) / spread;
  const rest = sum(points.map(([x, y]) => (y - meanY - slope * (x - meanX)) ** 2));
  return { slope, error: Math.sqrt(rest / (points.length - 2) / spread) };
}

function numberIn(text: string, pattern: RegExp): number {
  const [, digits] = pattern.exec(text) ?? [];
  if (digits === undefined) {
    throw new Error(`Cannot find ${pattern} in:\n${text}`);
  }
  return Number(digits);
}
