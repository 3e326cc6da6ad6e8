/** HTTP without RPC: what the engines alone cost, beside what else there is in this runtime. */
import { type Http2Load, measureHttp2 } from "../load/h2load.ts";
import { measureHttp1, postScript } from "../load/wrk.ts";
import { COPY_CLIENT, COPY_LOOP, DENO_SERVE, NODE_HTTP2, OUR_ECHO } from "../peers.ts";
import { cpuSeconds, runOnCore1, startPeer } from "../processes.ts";
import {
  BYTE_METRICS,
  byteRates,
  type Scenario,
  serverFigures,
  serverMetrics,
  type Setting,
  type Work,
} from "../scenario.ts";

/** It takes a few hundred MB until all code is compiled. */
const BODY_BYTES = 500_000_000;

/** A greeting's request as it is on the wire. */
const ECHOED = Uint8Array.of(10, 10, ...new TextEncoder().encode("aaaaaaaaaa"));

/** The length of what comes back says enough. */
const noCheck = () => Promise.resolve();

/** All scenarios of HTTP without RPC. */
export async function engineScenarios(setting: Setting): Promise<readonly Scenario[]> {
  const { folder } = setting;
  const body = `${folder}/echo.bin`;
  await Deno.writeFile(body, ECHOED);
  const script = `${folder}/echo.lua`;
  await Deno.writeTextFile(script, postScript(ECHOED, { "Content-Type": "application/proto" }));
  const http1 = { path: "/echo", script, check: noCheck };
  const http2 = { path: "/echo", body, connections: 8, streams: 32, answerBytes: ECHOED.length, check: noCheck };

  const one = { connections: 1, streams: 1, calls: 1, check: noCheck };
  const zeros = `${folder}/zeros.bin`;
  const upload: Http2Load = { ...one, path: "/upload", body: zeros, answerBytes: 0 };
  const download: Http2Load = { ...one, path: `/download/${BODY_BYTES}`, answerBytes: BODY_BYTES };
  const bodies = (direction: "upload" | "download", load: Http2Load): Scenario => ({
    key: "engine",
    title: `${BODY_BYTES / 1e6} MB by HTTP/2, ${direction}`,
    metrics: BYTE_METRICS,
    peers: [OUR_ECHO, COPY_LOOP],
    goals: [],
    async measure(peer) {
      await Deno.writeFile(zeros, new Uint8Array(direction === "upload" ? BODY_BYTES : 0));
      const work = peer === COPY_LOOP ? await copy(direction) : await measureHttp2(peer, load, setting);
      return byteRates({ ...work, count: BODY_BYTES });
    },
  });
  return [
    {
      key: "engine",
      title: "12 octets there and back, HTTP/2, 8 x 32",
      metrics: serverMetrics("requests"),
      peers: [OUR_ECHO, NODE_HTTP2],
      goals: [],
      measure: async (peer) => serverFigures(await measureHttp2(peer, http2, setting)),
    },
    {
      key: "engine",
      title: "12 octets there and back, HTTP/1.1, 32 connections",
      metrics: serverMetrics("requests"),
      peers: [OUR_ECHO, DENO_SERVE],
      goals: [],
      measure: async (peer) => serverFigures(await measureHttp1(peer, http1, setting)),
    },
    bodies("upload", upload),
    bodies("download", download),
  ];
}

async function copy(direction: string): Promise<Work> {
  await using server = await startPeer(await COPY_LOOP.build());
  const client = [...await COPY_CLIENT.build(), direction, `${BODY_BYTES}`, `${server.port}`];
  await runOnCore1(client); // Warm-up
  const [before, startMs] = [cpuSeconds(server.pid), performance.now()];
  await runOnCore1(client);
  return {
    count: BODY_BYTES,
    cpuSeconds: cpuSeconds(server.pid) - before,
    seconds: (performance.now() - startMs) / 1000,
  };
}
