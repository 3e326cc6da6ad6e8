/** Calls over HTTP/2 as h2load makes them, for as long as wanted. */
import { installTool } from "../../tests/conformance/tools.ts";
import type { Peer } from "../peers.ts";
import { cpuSeconds, numberIn, residentMiB, type RunningPeer, runOnCore1, startPeerOn } from "../processes.ts";
import type { ServerWork, Setting } from "../scenario.ts";

/** What is asked for, and by how many at a time. */
export interface Http2Load {
  readonly path: string;
  /** A file with the body of each request. Without one it is a GET. */
  readonly body?: string;
  readonly connections: number;
  /** Calls at a time on each connection. */
  readonly streams: number;
  /**
   * Octets of DATA that every right answer has. h2load looks at `:status` alone, which is 200 for errors of gRPC, too. Undefined where servers
   * compress, each in its own way.
   */
  readonly answerBytes: number | undefined;
  /** As in `-H`. @default those of gRPC */
  readonly headers?: readonly string[];
  /** With TLS, by {@linkcode Setting.certPath}. */
  readonly isTls?: boolean;
  /** Whether the time of each call is wanted, for which h2load writes a log. */
  readonly withLatencies?: boolean;
  /** The cores that the server may use. @default "0" */
  readonly cores?: string;
  /** So many calls, instead of so many seconds. */
  readonly calls?: number;
  /** Has a real client ask for an answer. @throws {Error} It is wrong. */
  check(port: number): Promise<void>;
}

/** What h2load saw. */
export interface Http2Work extends ServerWork {
  /** Microseconds that each call took, in order of size; empty unless they were wanted. */
  readonly latencies: readonly number[];
}

/** The header fields of a gRPC call. */
export const GRPC_HEADERS: readonly string[] = ["content-type: application/grpc", "te: trailers"];

async function runH2load(
  port: number,
  { path, body, connections, streams, isTls = false, headers = GRPC_HEADERS }: Http2Load,
  howMany: readonly string[],
): Promise<string> {
  const shape = ["-t1", "-c", `${connections}`, "-m", `${streams}`, "-w", "24", "-W", "24"];
  const fields = headers.flatMap((header) => ["-H", header]);
  const url = `${isTls ? "https" : "http"}://127.0.0.1:${port}${path}`;
  const data = body === undefined ? [] : ["-d", body];
  return await runOnCore1([await installTool("h2load"), ...howMany, ...shape, ...fields, ...data, url]);
}

/** A round of calls that everybody has to answer right. */
async function call(server: RunningPeer, load: Http2Load, calls: number, logPath: string): Promise<Http2Work> {
  const before = cpuSeconds(server.pid);
  const log = load.withLatencies ? [`--log-file=${logPath}`] : [];
  const output = await runH2load(server.port, load, ["-n", `${calls}`, ...log]);
  const used = cpuSeconds(server.pid) - before;
  const answered = numberIn(output, /(\d+) succeeded/);
  const answerBytes = numberIn(output, /\((\d+)\) data/);
  if (answered !== calls || answerBytes !== calls * (load.answerBytes ?? answerBytes / calls)) {
    throw new Error(`Of ${calls} calls ${answered} were answered, by ${answerBytes} octets:\n${output}`);
  }
  return {
    count: calls,
    cpuSeconds: used,
    seconds: calls / numberIn(output, /, ([\d.]+) req\/s/),
    residentMiB: residentMiB(server.pid),
    latencies: load.withLatencies ? await takeLatencies(logPath) : [],
  };
}

/** Reads a log, whose third column is microseconds, and removes it. */
async function takeLatencies(logPath: string): Promise<readonly number[]> {
  const lines = (await Deno.readTextFile(logPath)).trim().split("\n");
  await Deno.remove(logPath);
  return lines.map((line) => Number(line.split("\t")[2])).sort((a, b) => a - b);
}

/**
 * Measures a server under h2load: as many calls as it answered in that time while it warmed up.
 *
 * @throws {Error} An answer was wrong.
 */
export async function measureHttp2(peer: Peer, load: Http2Load, setting: Setting): Promise<Http2Work> {
  const { folder, seconds, warmUpSeconds, certPath, keyPath } = setting;
  const tls = load.isTls ? [certPath, keyPath] : [];
  await using server = await startPeerOn(load.cores ?? "0", await peer.build(), ...tls);
  await load.check(server.port);
  const logPath = `${folder}/h2load.log`;
  if (load.calls !== undefined) {
    await call(server, load, load.calls, logPath);
    return await call(server, load, load.calls, logPath);
  }
  const warmUp = await runH2load(server.port, load, ["-D", `${warmUpSeconds}`]);
  const rate = numberIn(warmUp, /(\d+) succeeded/) / warmUpSeconds;
  return await call(server, load, Math.max(Math.round(rate * seconds), load.connections * load.streams), logPath);
}
