/**
 * Metrics in Prometheus' text format: https://prometheus.io/docs/instrumenting/exposition_formats/
 *
 * What can be counted is counted in plain numbers, and told to prom-client when somebody asks: its counters look their labels up each time.
 */
import type { DescMethod } from "@bufbuild/protobuf";
import process from "node:process";
import { AggregatorRegistry, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { AdminSources } from "./admin.ts";
import { type CallObserver, type CallWatch, codeName, type EndedCall, type ObservedCall } from "../rpc/mod.ts";

/** The buckets of OpenTelemetry's conventions for calls, and some for those that take less than 5 ms, in seconds. */
const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

const CALL_LABELS = ["method", "protocol"] as const;
const CONNECTION_LABELS = ["http_version", "reason"] as const;

type CallLabels = Record<typeof CALL_LABELS[number], string>;
type Duration = Histogram<typeof CALL_LABELS[number] | "code">;

/** The calls of a method by one protocol. */
class Series implements CallWatch {
  readonly labels: CallLabels;
  openCount = 0;
  requestCount = 0;
  requestBytes = 0;
  responseCount = 0;
  responseBytes = 0;
  readonly #duration: Duration;

  constructor(labels: CallLabels, duration: Duration) {
    this.labels = labels;
    this.#duration = duration;
  }

  end(call: EndedCall): void {
    const { method, protocol } = this.labels;
    this.openCount--;
    this.requestCount += call.requestCount;
    this.requestBytes += call.requestBytes;
    this.responseCount += call.responseCount;
    this.responseBytes += call.responseBytes;
    const code = call.code === undefined ? "ok" : codeName(call.code);
    this.#duration.observe({ method, protocol, code }, call.durationMs / 1000);
  }
}

/** What one thread has counted, as plain data. */
export type MetricsSnapshot = Awaited<ReturnType<Registry["getMetricsAsJSON"]>>;

/** Counts calls and connections. Methods that the server does not have are one, `unknown`: anybody may make them up. */
export class Metrics implements CallObserver {
  /** The media type of {@linkcode text}. */
  readonly contentType: string;
  readonly #registry = new Registry();
  readonly #duration: Duration;
  readonly #series = new Map<DescMethod | undefined, Map<ObservedCall["protocolName"], Series>>();
  readonly #connectionsEnded: Counter<typeof CONNECTION_LABELS[number]>;

  constructor() {
    const registers = [this.#registry];
    this.contentType = this.#registry.contentType;
    this.#duration = new Histogram({
      name: "rpc_server_call_duration_seconds",
      help: "From the head of a call to the end of its answer",
      labelNames: [...CALL_LABELS, "code"],
      buckets: BUCKETS,
      registers,
    });
    this.#readCalls(Gauge, "rpc_server_open_calls", "Calls under way", ({ openCount }) => openCount);
    this.#readCalls(
      Counter,
      "rpc_server_request_messages_total",
      "Messages received by calls that have ended",
      ({ requestCount }) => requestCount,
    );
    this.#readCalls(
      Counter,
      "rpc_server_request_bytes_total",
      "Their bytes, as they were compressed",
      ({ requestBytes }) => requestBytes,
    );
    this.#readCalls(
      Counter,
      "rpc_server_response_messages_total",
      "Messages sent by calls that have ended",
      ({ responseCount }) => responseCount,
    );
    this.#readCalls(
      Counter,
      "rpc_server_response_bytes_total",
      "Their bytes, as they were compressed",
      ({ responseBytes }) => responseBytes,
    );
    this.#connectionsEnded = new Counter({
      name: "http_server_connections_ended_total",
      help: "Connections that are over; the reasons ENHANCE_YOUR_CALM, 408, 414, 431 and full are limits",
      labelNames: CONNECTION_LABELS,
      registers,
    });
    this.#readProcess();
  }

  begin({ method, protocolName }: ObservedCall): CallWatch {
    let protocols = this.#series.get(method);
    if (protocols === undefined) {
      protocols = new Map();
      this.#series.set(method, protocols);
    }
    let series = protocols.get(protocolName);
    if (series === undefined) {
      const name = method === undefined ? "unknown" : `${method.parent.typeName}/${method.name}`;
      series = new Series({ method: name, protocol: protocolName ?? "none" }, this.#duration);
      protocols.set(protocolName, series);
    }
    series.openCount++;
    return series;
  }

  /** Counts a connection that is over, as `serve` tells of it. */
  readonly countConnectionEnd = (
    { httpVersion = "none", reason }: { readonly httpVersion: string | undefined; readonly reason: string },
  ): void => this.#connectionsEnded.inc({ http_version: httpVersion, reason });

  /** Tells of the connections that there are, too. */
  readConnections(count: () => number): void {
    this.#read(Gauge, "http_server_connections", "Connections", count);
  }

  /** Tells of the bytes that wait, too. */
  readBufferedBytes(bytes: () => number): void {
    this.#read(
      Gauge,
      "http_server_buffered_bytes",
      "Requests and responses that wait, as far as they are counted",
      bytes,
    );
  }

  /** All of them. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }

  /** All of them, for {@linkcode mergeMetrics}. */
  snapshot(): Promise<MetricsSnapshot> {
    return this.#registry.getMetricsAsJSON();
  }

  #readCalls(
    type: typeof Counter | typeof Gauge,
    name: string,
    help: string,
    read: (series: Series) => number,
  ): void {
    const all = this.#series;
    new type({
      name,
      help,
      labelNames: CALL_LABELS,
      registers: [this.#registry],
      collect() {
        this.reset();
        for (const protocols of all.values()) {
          for (const series of protocols.values()) {
            this.inc(series.labels, read(series));
          }
        }
      },
    });
  }

  /** What prom-client finds out of a process by itself it does not on Deno, with the permissions of a server. */
  #readProcess(): void {
    this.#readOnce(Gauge, "process_resident_memory_bytes", "Resident memory", () => Deno.memoryUsage().rss);
    this.#read(Gauge, "process_heap_bytes", "JavaScript heap in use", () => Deno.memoryUsage().heapUsed);
    this.#read(Gauge, "process_external_memory_bytes", "Buffers outside", () => Deno.memoryUsage().external);
    this.#readOnce(Counter, "process_cpu_seconds_total", "User and system time", () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6;
    });
    const startedAt = performance.timeOrigin / 1000;
    this.#readOnce(Gauge, "process_start_time_seconds", "When it was started, Unix time", () => startedAt);
  }

  /** Of the process: what its first thread says of it counts. */
  #readOnce(type: typeof Counter | typeof Gauge, name: string, help: string, read: () => number): void {
    this.#read(type, name, help, read, "first");
  }

  #read(
    type: typeof Counter | typeof Gauge,
    name: string,
    help: string,
    read: () => number,
    aggregator: "sum" | "first" = "sum",
  ): void {
    new type({
      name,
      help,
      aggregator,
      registers: [this.#registry],
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  }
}

/**
 * Makes one text of what threads have counted, for {@linkcode createAdminHandler}. Figures of calls, connections and heaps are summed up, those of the
 * process are the first thread's.
 */
export function mergeMetrics(read: () => Promise<readonly MetricsSnapshot[]>): AdminSources["metrics"] {
  return {
    contentType: Registry.PROMETHEUS_CONTENT_TYPE,
    text: async () => AggregatorRegistry.aggregate([...await read()]).metrics(),
  };
}
