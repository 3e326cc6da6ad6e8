/** What is measured, of whom, and how far ahead we want to be. */
import type { Peer } from "./peers.ts";

/** What a figure means. */
export interface Metric {
  /** The unit, as in `thousand calls for each CPU second`. */
  readonly name: string;
  readonly better: "more" | "less";
}

/** One thing that all peers are measured at. */
export interface Scenario {
  /** What `--only` calls it. Several may have the same key. */
  readonly key: string;
  readonly title: string;
  /** The first one is what counts most. */
  readonly metrics: readonly Metric[];
  readonly peers: readonly Peer[];
  readonly goals: readonly Goal[];
  /** Whether `--quick` has it. */
  readonly isQuick?: boolean;
  /** Whether the peers' own programs are under load, so that `--profile` has something to look at. @default true */
  readonly hasProfile?: boolean;
  /** Measures a peer once. @returns A figure for each metric. */
  measure(peer: Peer): Promise<readonly number[]>;
}

/** That one of ours is at least so many times as good as another. */
export interface Goal {
  readonly ours: Peer;
  readonly other: Peer;
  readonly atLeast: number;
  /** Which figure is meant, by its place in the metrics. */
  readonly metric: number;
}

/** Each goal as the peer and how many times as good. @param metric @default 0 */
export function goals(ours: Peer, all: readonly (readonly [Peer, number])[], metric = 0): readonly Goal[] {
  return all.map(([other, atLeast]) => ({ ours, other, atLeast, metric }));
}

/** How measuring is done. */
export interface Setting {
  /** Where files for those who load servers are written. */
  readonly folder: string;
  /** How long each measurement takes, about. */
  readonly seconds: number;
  /** V8 and the Go runtime take about a second until their figures stay the same. */
  readonly warmUpSeconds: number;
  readonly certPath: string;
  readonly keyPath: string;
}

/** How much a program did, and what that took. */
export interface Work {
  /** How many calls, messages or octets there were. */
  readonly count: number;
  /** Seconds of CPU that the measured program used: user and system, all threads. */
  readonly cpuSeconds: number;
  readonly seconds: number;
}

/** Work in thousands. @param unit What is counted, as in `calls`. */
export function rateMetrics(unit: string): readonly Metric[] {
  return [`thousand ${unit} for each CPU second`, `thousand ${unit} a second`].map((name) => ({
    name,
    better: "more",
  }));
}

/** The figures of {@linkcode rateMetrics}. */
export function rates({ count, cpuSeconds, seconds }: Work): readonly number[] {
  return [count / cpuSeconds / 1000, count / seconds / 1000];
}

/** What a server did. */
export interface ServerWork extends Work {
  /** Memory that it had resident at the end. */
  readonly residentMiB: number;
}

/** Work of a server in thousands. @param unit What is counted, as in `calls`. */
export function serverMetrics(unit: string): readonly Metric[] {
  return [...rateMetrics(unit), { name: "MiB resident", better: "less" }];
}

/** The figures of {@linkcode serverMetrics}. */
export function serverFigures(work: ServerWork): readonly number[] {
  return [...rates(work), work.residentMiB];
}

/** Octets in millions. */
export const BYTE_METRICS: readonly Metric[] = ["MB for each CPU second", "MB a second"].map((name) => ({
  name,
  better: "more",
}));

/** The figures of {@linkcode BYTE_METRICS}. */
export function byteRates({ count, ...times }: Work): readonly number[] {
  return rates({ count: count / 1000, ...times });
}
