/** Requests over HTTP/1.1 as wrk makes them, on 32 connections that are kept. */
import { installTool } from "../../tests/conformance/tools.ts";
import type { Peer } from "../peers.ts";
import { cpuSeconds, numberIn, residentMiB, runOnCore1, startPeer } from "../processes.ts";
import type { ServerWork, Setting } from "../scenario.ts";

/** What is asked for. */
export interface Http1Load {
  readonly path: string;
  /** The script that makes the request. */
  readonly script: string;
  /** Has a real client ask for an answer. @throws {Error} It is wrong. */
  check(port: number): Promise<void>;
}

/** A script for wrk that posts octets. */
export function postScript(body: Uint8Array, headers: Readonly<Record<string, string>>): string {
  const octets = Array.from(body, (octet) => `\\${String(octet).padStart(3, "0")}`).join("");
  const fields = Object.entries(headers).map(([name, value]) => `wrk.headers["${name}"] = "${value}"\n`);
  return `wrk.method = "POST"\nwrk.body = "${octets}"\n${fields.join("")}`;
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
export async function measureHttp1(peer: Peer, load: Http1Load, setting: Setting): Promise<ServerWork> {
  await using server = await startPeer(await peer.build());
  await load.check(server.port);
  await runWrk(server.port, load, setting.warmUpSeconds);
  const before = cpuSeconds(server.pid);
  const output = await runWrk(server.port, load, setting.seconds);
  const used = cpuSeconds(server.pid) - before;
  const count = numberIn(output, /(\d+) requests in/);
  return {
    count,
    cpuSeconds: used,
    seconds: count / numberIn(output, /Requests\/sec:\s+([\d.]+)/),
    residentMiB: residentMiB(server.pid),
  };
}
