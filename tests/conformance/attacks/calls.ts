/** Calls that are made again and again, as fast as they are answered. */
import type { Target } from "./attack.ts";
import { callBlock, dataFrames, type Fields, headers, join } from "./frames.ts";
import { gzip, MIB, utf8 } from "./messages.ts";
import { Http2Wire, isOver, sleep } from "./sockets.ts";

/** Metadata of a call of gRPC whose messages are compressed. */
export const GZIP: Fields = [["grpc-encoding", "gzip"], ["grpc-accept-encoding", "identity"]];

/** Calls with one content after the other, `atOnce` of them at a time, whatever the responses are. */
export async function callAgain(
  target: Target,
  path: string,
  contents: Uint8Array | readonly Uint8Array[],
  { contentType = "application/grpc", fields = GZIP, atOnce = 4 }: {
    readonly contentType?: string;
    readonly fields?: Fields;
    readonly atOnce?: number;
  } = {},
) {
  const all = [contents].flat() as Uint8Array[];
  let http2 = await Http2Wire.connect(target);
  let [calls, connections] = [0, 1];
  let largest = 0;
  while (!isOver(target)) {
    if (http2.isClosed) {
      http2.close();
      http2 = await Http2Wire.connect(target);
      connections++;
    }
    const before = http2.ended.size;
    const bursts = Array.from({ length: atOnce }, () => {
      const id = http2.takeStreamId();
      const content = all[calls++ % all.length]!;
      return join(headers(id, callBlock(path, contentType, fields)), dataFrames(id, content, true));
    });
    await http2.wire.send(join(...bursts));
    while (http2.ended.size < before + atOnce && performance.now() < target.endMs && !http2.isClosed) {
      await sleep(2);
    }
    largest = Math.max(largest, http2.wire.receivedBytes);
  }
  http2.close();
  return { notes: [`${calls} calls, ${connections} connections, ${(largest / MIB).toFixed(1)} MiB came back`] };
}

const JSON_GZIP: Fields = [["content-encoding", "gzip"]];

/** Calls with JSON, compressed. */
export function callJsonAgain(target: Target, path: string, json: string | Uint8Array) {
  const content = gzip(typeof json === "string" ? utf8(json) : json);
  return callAgain(target, path, content, { contentType: "application/json", fields: JSON_GZIP });
}
