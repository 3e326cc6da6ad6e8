/** Looks at a server and at who calls it, as long as the soak goes on, and says how their memory grew. */
import type { ServerProcess } from "../../tests/support/server_process.ts";
import type { Inspector } from "./inspector.ts";
import type { Load } from "./load.ts";
import type { Report } from "./report.ts";
import { sampleProcess, sampleServer, type ServerSample, slopeOf } from "./sample.ts";

/** How often both are looked at, in milliseconds. */
const SAMPLE_INTERVAL_MS = 10_000;

/** How many samples make a line of the report. */
const SAMPLES_OF_LINE = 6;

/** How often the server's garbage is collected, in milliseconds: seldom enough that V8 goes on to decide for itself, often enough for a slope. */
const GARBAGE_INTERVAL_MS = 120_000;

/** A figure in MiB, and the hours since the start. */
type Point = readonly [hours: number, mib: number];

/** See the top of the file. */
export class Recorder {
  readonly #server: ServerProcess;
  readonly #adminUrl: string;
  readonly #inspector: Inspector;
  readonly #load: Load;
  readonly #report: Report;
  readonly #startMs = performance.now();
  /** What {@linkcode growth} tells of, by name. */
  readonly #points = new Map<string, Point[]>();
  #samples = 0;
  readonly #timers: ReturnType<typeof setInterval>[] = [];

  constructor(server: ServerProcess, inspector: Inspector, load: Load, report: Report) {
    if (server.adminUrl === undefined) {
      throw new TypeError("Cannot look at a server without --admin-port");
    }
    this.#server = server;
    this.#adminUrl = server.adminUrl;
    this.#inspector = inspector;
    this.#load = load;
    this.#report = report;
  }

  start(): void {
    const every = (ms: number, look: () => Promise<void>) =>
      this.#timers.push(setInterval(() => look().catch((error) => this.#report.line(`no sample: ${error}`)), ms));
    every(SAMPLE_INTERVAL_MS, () => this.#sample());
    every(GARBAGE_INTERVAL_MS, () => this.#sampleLive());
  }

  stop(): void {
    this.#timers.forEach((timer) => clearInterval(timer));
  }

  /** The server as it is now, in words. */
  async look(): Promise<string> {
    return describe(await sampleServer(this.#server.pid, this.#adminUrl));
  }

  /** By how much what was seen grew in an hour, a line for each. @param fromHours What was before does not count. */
  growth(fromHours: number): string[] {
    return [...this.#points].map(([name, points]) => {
      const warm = points.filter(([hours]) => hours >= fromHours);
      if (warm.length < 3) {
        return `${name.padEnd(40)} unknown`;
      }
      const { slope, error } = slopeOf(warm);
      return `${name.padEnd(40)} ${slope.toFixed(2)} +- ${error.toFixed(2)} MiB/h, ${warm.length} samples`;
    });
  }

  async #sample(): Promise<void> {
    const server = await sampleServer(this.#server.pid, this.#adminUrl);
    const client = sampleProcess(Deno.pid);
    const { begun, underWay, heldBack, unexpected } = this.#load;
    this.#add("RSS", server.rss);
    this.#add("heap", server.heap);
    this.#add("external memory", server.external);
    this.#add("the client's RSS", client.rss);
    const { rss: clientRss, fds: clientFds, threads: clientThreads, cpuSeconds: clientCpuSeconds } = client;
    this.#report.row("samples.csv", {
      seconds: this.#hours() * 3600,
      ...server,
      ...{ clientRss, clientFds, clientThreads, clientCpuSeconds },
      ...{ begun, underWay: underWay.length, heldBack, unexpected },
    });
    if (++this.#samples % SAMPLES_OF_LINE === 0) {
      this.#report.line(
        `${
          (this.#hours() * 60).toFixed(0)
        } min: ${begun} calls, ${unexpected} unexpected, ${underWay.length} under way, ` +
          `${heldBack} held back; ${describe(server)}; client ${clientRss.toFixed(1)} MiB`,
      );
    }
  }

  async #sampleLive(): Promise<void> {
    const heap = await this.#inspector.collectGarbage();
    const { rss } = sampleProcess(this.#server.pid);
    this.#add("heap without garbage", heap);
    this.#add("RSS when garbage was just collected", rss);
    this.#report.row("live.csv", { seconds: this.#hours() * 3600, heap, rss });
  }

  #hours(): number {
    return (performance.now() - this.#startMs) / 3_600_000;
  }

  #add(name: string, mib: number): void {
    const points = this.#points.get(name) ?? [];
    points.push([this.#hours(), mib]);
    this.#points.set(name, points);
  }
}

function describe({ rss, fds, threads, heap, external, connections, openCalls, cpuSeconds }: ServerSample): string {
  return `${rss.toFixed(1)} MiB RSS, ${heap.toFixed(1)} heap, ${external.toFixed(1)} external, ${fds} fds, ` +
    `${threads} threads, ${connections} connections, ${openCalls} open calls, ${cpuSeconds.toFixed(1)} s CPU`;
}
