/** Measures one program once: a server under load, or a client at work. The server has core 0, who calls it core 1. */
import { installTool } from "../../tests/conformance/tools.ts";
import { runProgram } from "../../tests/support/program.ts";
import { cpuTicks, startPeer } from "../side_by_side.ts";
import { GRPC_CHECK, type Peer } from "./peers.ts";

/** V8 and the Go runtime take about a second until their figures stay the same. */
const WARM_UP_SECONDS = 2;

/** What came of one measurement. */
export interface Sample {
  /** How many calls, or messages, there were. */
  readonly count: number;
  /** Seconds of CPU that the measured program used for them: user and system, all threads. */
  readonly cpuSeconds: number;
  /** Seconds that they took. */
  readonly seconds: number;
}

/** Runs a program on the core of those who call. */
async function runOnCore1(command: readonly string[], timeoutMs = 120_000): Promise<string> {
  return await runProgram("taskset", ["-c", "1", ...command], { timeoutMs });
}

/** @throws {Error} The text has no such number in it. */
function numberIn(text: string, pattern: RegExp): number {
  const match = pattern.exec(text);
  if (match === null) {
    throw new Error(`Cannot find ${pattern} in:\n${text}`);
  }
  return Number(match[1]);
}

/** gRPC calls as h2load makes them. */
export interface Http2Load {
  readonly path: string;
  /** A file with the body of each request. */
  readonly body: string;
  readonly connections: number;
  /** Calls at a time on each connection. */
  readonly streams: number;
  /** Octets of DATA that every right answer has. h2load looks at `:status` alone, which is 200 for errors of gRPC, too. */
  readonly answerBytes: number;
}

async function runH2load(port: number, load: Http2Load, howMany: readonly string[]): Promise<string> {
  const h2load = await installTool("h2load");
  const shape = ["-t1", "-c", `${load.connections}`, "-m", `${load.streams}`, "-w", "24", "-W", "24"];
  const headers = ["-H", "content-type: application/grpc", "-H", "te: trailers"];
  const url = `http://127.0.0.1:${port}${load.path}`;
  return await runOnCore1([h2load, ...howMany, ...shape, ...headers, "-d", load.body, url]);
}

/**
 * Measures a gRPC server under h2load: as many calls as it answered in that time while it warmed up.
 *
 * @throws {Error} An answer was wrong.
 */
export async function measureHttp2(peer: Peer, load: Http2Load, seconds: number): Promise<Sample> {
  const [command, check] = [await peer.build(), await GRPC_CHECK.build()];
  await using server = await startPeer((port) => [...command, `${port}`]);
  await runOnCore1([...check, `${server.port}`]);
  const warmUp = await runH2load(server.port, load, ["-D", `${WARM_UP_SECONDS}`]);
  const rate = numberIn(warmUp, /(\d+) succeeded/) / WARM_UP_SECONDS;
  const calls = Math.max(Math.round(rate * seconds), load.connections * load.streams);
  const before = cpuTicks(server.pid);
  const output = await runH2load(server.port, load, ["-n", `${calls}`]);
  const cpuSeconds = (cpuTicks(server.pid) - before) / 100;
  const answered = numberIn(output, /(\d+) succeeded/);
  const answerBytes = numberIn(output, /\((\d+)\) data/);
  if (answered !== calls || answerBytes !== calls * load.answerBytes) {
    throw new Error(`Of ${calls} calls ${answered} were answered, by ${answerBytes} octets:\n${output}`);
  }
  return { count: calls, cpuSeconds, seconds: calls / numberIn(output, /, ([\d.]+) req\/s/) };
}

/** Requests over HTTP/1.1 as wrk makes them, on 32 connections that are kept. */
export interface Http1Load {
  readonly path: string;
  /** The script that makes the request. */
  readonly script: string;
  /** Asks for one answer. @throws {Error} It is wrong. */
  check(port: number): Promise<void>;
}

async function runWrk(port: number, load: Http1Load, seconds: number): Promise<string> {
  const wrk = await installTool("wrk");
  const args = ["-t1", "-c32", `-d${seconds}s`, "-s", load.script, `http://127.0.0.1:${port}${load.path}`];
  const output = await runOnCore1([wrk, ...args]);
  if (/Non-2xx|Socket errors/.test(output)) {
    throw new Error(`Requests failed:\n${output}`);
  }
  return output;
}

/** Measures a server under wrk. @throws {Error} An answer was wrong. */
export async function measureHttp1(peer: Peer, load: Http1Load, seconds: number): Promise<Sample> {
  const command = await peer.build();
  await using server = await startPeer((port) => [...command, `${port}`]);
  await load.check(server.port);
  await runWrk(server.port, load, WARM_UP_SECONDS);
  const before = cpuTicks(server.pid);
  const output = await runWrk(server.port, load, seconds);
  const cpuSeconds = (cpuTicks(server.pid) - before) / 100;
  const count = numberIn(output, /(\d+) requests in/);
  return { count, cpuSeconds, seconds: count / numberIn(output, /Requests\/sec:\s+([\d.]+)/) };
}

/** Measures a client that calls a server. It checks the answers, and measures itself. */
export async function measureClient(peer: Peer, serverPeer: Peer, inFlight: number, seconds: number): Promise<Sample> {
  const [command, serverCommand] = [await peer.build(), await serverPeer.build()];
  await using server = await startPeer((port) => [...serverCommand, `${port}`]);
  const args = [server.port, inFlight, WARM_UP_SECONDS, seconds].map(String);
  const output = await runOnCore1([...command, ...args]);
  return {
    count: numberIn(output, /(\d+) calls/),
    cpuSeconds: numberIn(output, /(\d+) cpu-ms/) / 1000,
    seconds: numberIn(output, /(\d+) ms/) / 1000,
  };
}
