/** Big messages, compressed ones, and much data, by gRPC over HTTP/2. */
import { create, toBinary } from "@bufbuild/protobuf";
import { gzipSync, zstdCompressSync } from "node:zlib";
import {
  DownloadRequestSchema,
  DownloadResponseSchema,
  EchoBlobRequestSchema,
  UploadRequestSchema,
  UploadResponseSchema,
} from "../gen/edgewire/bench/v1/blobs_pb.ts";
import { grpcCheck } from "../load/checks.ts";
import { GRPC_HEADERS, type Http2Load, measureHttp2 } from "../load/h2load.ts";
import { envelope, textOf } from "../load/messages.ts";
import { GRPC_GO, GRPC_JS, HASH_IN_PROCESS, OURS, type Peer, TONIC } from "../peers.ts";
import { numberIn, runOnCore1 } from "../processes.ts";
import {
  BYTE_METRICS,
  byteRates,
  goals,
  type Scenario,
  serverFigures,
  serverMetrics,
  type Setting,
  type Work,
} from "../scenario.ts";

const MEBIBYTE = 1024 * 1024;
const CHUNK_BYTES = 65_536;

/** One upload or download. A GiB is several of them, so that none needs a file of that size. */
const TRANSFER_MEBIBYTES = 128;
const TRANSFER_CHUNKS = TRANSFER_MEBIBYTES * MEBIBYTE / CHUNK_BYTES;

/** How long a text is that is sent compressed. */
const TEXT_BYTES = 16_384;

/** All scenarios of big messages and much data. */
export async function blobScenarios(setting: Setting): Promise<readonly Scenario[]> {
  const { folder } = setting;
  const echoRequest = (data: Uint8Array) => toBinary(EchoBlobRequestSchema, create(EchoBlobRequestSchema, { data }));
  const echo = { path: "/edgewire.bench.v1.Blobs/EchoBlob", check: grpcCheck("EchoBlob") };

  const big = envelope(echoRequest(new Uint8Array(1_000_000).fill(7)));
  const bigPath = `${folder}/big.bin`;
  await Deno.writeFile(bigPath, big);
  const bigLoad: Http2Load = { ...echo, body: bigPath, connections: 4, streams: 2, answerBytes: big.length };

  const compressed = async (
    name: string,
    compress: (data: Uint8Array) => Uint8Array,
    peers: readonly Peer[],
  ): Promise<Scenario> => {
    const body = `${folder}/${name}.bin`;
    await Deno.writeFile(body, envelope(compress(echoRequest(textOf(TEXT_BYTES))), true));
    const load: Http2Load = {
      ...echo,
      body,
      connections: 8,
      streams: 8,
      answerBytes: undefined,
      headers: [...GRPC_HEADERS, `grpc-encoding: ${name}`, `grpc-accept-encoding: ${name}`],
    };
    return {
      key: "compressed",
      title: `Texts of ${TEXT_BYTES / 1024} KiB by ${name} there and back, 8 x 8`,
      metrics: serverMetrics("calls"),
      peers,
      goals: [],
      measure: async (peer) => serverFigures(await measureHttp2(peer, load, setting)),
    };
  };
  return [
    {
      key: "big",
      title: "Messages of 1 MB there and back, 4 x 2",
      metrics: BYTE_METRICS,
      peers: [OURS, TONIC, GRPC_GO, GRPC_JS],
      goals: [],
      async measure(peer) {
        const work = await measureHttp2(peer, bigLoad, setting);
        return byteRates({ ...work, count: 2 * work.count * big.length });
      },
    },
    await compressed("gzip", gzipSync, [OURS, TONIC, GRPC_GO]),
    await compressed("zstd", zstdCompressSync, [OURS, TONIC]),
    ...await transferScenarios(setting),
  ];
}

/** A GiB there and a GiB back; less of it when there is little time. */
async function transferScenarios(setting: Setting): Promise<readonly Scenario[]> {
  const { folder, seconds } = setting;
  const calls = seconds < 2 ? 1 : 1024 / TRANSFER_MEBIBYTES;
  const mebibytes = calls * TRANSFER_MEBIBYTES;
  const amount = mebibytes === 1024 ? "1 GiB" : `${mebibytes} MiB`;
  const one = { connections: 1, streams: 1, calls };

  const chunk = new Uint8Array(CHUNK_BYTES).fill(7);
  const part = envelope(toBinary(UploadRequestSchema, create(UploadRequestSchema, { chunk })));
  const digest = create(UploadResponseSchema, { sha256: new Uint8Array(32) });
  const upload: Http2Load = {
    ...one,
    path: "/edgewire.bench.v1.Blobs/Upload",
    body: `${folder}/upload.bin`,
    answerBytes: envelope(toBinary(UploadResponseSchema, digest)).length,
    check: grpcCheck("Upload"),
  };

  const downloadPath = `${folder}/download.bin`;
  const request = create(DownloadRequestSchema, { count: TRANSFER_CHUNKS, chunkBytes: CHUNK_BYTES });
  await Deno.writeFile(downloadPath, envelope(toBinary(DownloadRequestSchema, request)));
  const answer = envelope(toBinary(DownloadResponseSchema, create(DownloadResponseSchema, { chunk })));
  const download: Http2Load = {
    ...one,
    path: "/edgewire.bench.v1.Blobs/Download",
    body: downloadPath,
    answerBytes: TRANSFER_CHUNKS * answer.length,
    check: grpcCheck("Download"),
  };

  const transfer = async (peer: Peer, load: Http2Load) =>
    byteRates({ ...await measureHttp2(peer, load, setting), count: mebibytes * MEBIBYTE });
  return [
    {
      key: "upload",
      title: `${amount} uploaded in messages of 64 KiB, and hashed by SHA-256`,
      metrics: BYTE_METRICS,
      peers: [OURS, HASH_IN_PROCESS, TONIC, GRPC_GO],
      goals: goals(OURS, [[HASH_IN_PROCESS, 0.7]]),
      async measure(peer) {
        if (peer === HASH_IN_PROCESS) {
          return byteRates(await hashInProcess(mebibytes));
        }
        await Deno.writeFile(upload.body!, new Blob(Array.from({ length: TRANSFER_CHUNKS }, () => part)).stream());
        return await transfer(peer, upload);
      },
    },
    {
      key: "download",
      title: `${amount} downloaded in messages of 64 KiB`,
      metrics: BYTE_METRICS,
      peers: [OURS, TONIC, GRPC_GO],
      goals: [],
      measure: (peer) => transfer(peer, download),
    },
  ];
}

async function hashInProcess(mebibytes: number): Promise<Work> {
  const output = await runOnCore1([...await HASH_IN_PROCESS.build(), `${mebibytes}`, `${CHUNK_BYTES}`]);
  return {
    count: mebibytes * MEBIBYTE,
    cpuSeconds: numberIn(output, /(\d+) cpu-ms/) / 1000,
    seconds: numberIn(output, / (\d+) ms/) / 1000,
  };
}
