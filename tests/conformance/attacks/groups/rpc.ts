/** Attacks on the protocols of RPC: envelopes, timeouts, metadata, calls that stay. */
import type { Attack, AttackGroup, Target } from "../attack.ts";
import { callAgain } from "../calls.ts";
import { callBlock, data, dataFrames, type Fields, headers, join, latin1, repeat } from "../frames.ts";
import { ALMOST_4_MIB, EMPTY, envelope, GREETER, HASH, lengthDelimited, MIB } from "../messages.ts";
import { ask, atRate, callJson, Http2Wire, isOver, onEach, waitForEnd } from "../sockets.ts";

const SAY_HELLO = `${GREETER}/SayHello`;
const HELLO = envelope(lengthDelimited(1, "x"));

/** Calls once with each of the fields, over and over. */
async function callWithFields(target: Target, values: readonly Fields[]) {
  const http2 = await Http2Wire.connect(target);
  let index = 0;
  const count = await atRate(target, 1000, async () => {
    const id = http2.takeStreamId();
    const fields = values[index++ % values.length]!;
    await http2.wire.send(join(headers(id, callBlock(SAY_HELLO, "application/grpc", fields)), data(id, HELLO, true)));
  });
  return {
    faults: http2.goaway === "" ? [] : [`a field of one call ended all of them: ${http2.goaway}`],
    notes: [`${count} calls, ${http2.ended.size} ended, ${http2.reset.size} of them reset`],
  };
}

export const rpc: AttackGroup = {
  name: "rpc",
  attacks: [
    {
      name: "length-prefix",
      title: "Envelopes that announce 4 GiB and send nothing, on 128 streams of 10 connections",
      run: async (target) => {
        await onEach(10, async () => {
          const http2 = await Http2Wire.connect(target);
          for (let stream = 0; stream < 128; stream++) {
            const id = http2.takeStreamId();
            const path = stream % 2 === 0 ? SAY_HELLO : `${HASH}/ShaStream`;
            const length = stream % 3 === 0 ? 0xffff_ffff : ALMOST_4_MIB;
            await http2.wire.send(join(headers(id, callBlock(path)), data(id, envelope(EMPTY, 0, length))));
          }
        });
        await waitForEnd(target);
      },
    },
    {
      name: "envelope-flags",
      title: "Envelopes with all flags, ends of streams by the client, and more than one message",
      run: (target) =>
        callAgain(target, SAY_HELLO, [
          envelope(EMPTY, 0xff),
          envelope(EMPTY, 2),
          envelope(EMPTY, 0x80),
          repeat(envelope(EMPTY), 1000),
          new Uint8Array([0, 0, 0]),
          EMPTY,
        ], { fields: [], atOnce: 20 }),
    },
    {
      name: "tiny-messages",
      title: "Streams of a million empty messages, whose responses are taken",
      run: async (target) => {
        const http2 = await Http2Wire.connect(target);
        const id = http2.takeStreamId();
        await http2.wire.send(headers(id, callBlock(`${GREETER}/Converse`)));
        const bursts = await http2.wire.flood(target, dataFrames(id, repeat(envelope(EMPTY), 3000), false));
        return {
          faults: http2.isClosed ? [`a stream of small messages was ended: ${http2.goaway}`] : [],
          notes: [`${bursts * 3000} messages`],
        };
      },
    },
    {
      name: "tiny-messages-not-taken",
      title: "The same whose responses are not taken, on 64 streams",
      run: async (target) => {
        const http2 = await Http2Wire.connect(target, { takesResponses: false });
        const ids = Array.from({ length: 64 }, () => http2.takeStreamId());
        await http2.wire.send(join(...ids.map((id) => headers(id, callBlock(`${GREETER}/Converse`)))));
        let index = 0;
        await http2.wire.flood(target, () => dataFrames(ids[index++ % 64]!, repeat(envelope(EMPTY), 3000), false));
      },
    },
    {
      name: "timeouts",
      title: "Timeouts that are long, zero, negative, wrong, and beyond what a timer takes",
      durationMs: 400,
      run: (target) =>
        callWithFields(
          target,
          ["99999999H", "0n", "-1S", "1e3S", "9999999999S", "\u0661S", "", "1", "S", "00000001u", "2147483648m"].map((
            value,
          ) => [["grpc-timeout", value]] as const),
        ),
    },
    {
      name: "timeouts-connect",
      title: "The same by Connect: nothing is late at once because a timer overflowed",
      durationMs: 400,
      run: async (target) => {
        const faults: string[] = [];
        for (const value of ["2147483648", "9999999999"]) {
          const { status } = await callJson(target, SAY_HELLO, { name: "x" }, {
            more: `connect-timeout-ms: ${value}\r\n`,
          });
          if (status !== 200) {
            faults.push(`connect-timeout-ms: ${value} was answered with ${status}`);
          }
        }
        const wrong = ["-1", "1e3", "99999999999999999999", "x".repeat(5000), "\t1", ""];
        let index = 0;
        await atRate(target, 100, () => {
          callJson(target, SAY_HELLO, { name: "x" }, {
            more: `connect-timeout-ms: ${wrong[index++ % wrong.length]}\r\n`,
          }).catch(
            () => {},
          );
        });
        return { faults };
      },
    },
    {
      name: "deadline-flood",
      title: "Calls that are late when they come, by the thousand: each has a deadline in the wheel",
      run: async (target) => {
        const http2 = await Http2Wire.connect(target);
        await http2.wire.flood(target, () => {
          const call = (id: number) =>
            join(headers(id, callBlock(SAY_HELLO, undefined, [["grpc-timeout", "1n"]])), data(id, HELLO, true));
          return join(...Array.from({ length: 100 }, () => call(http2.takeStreamId())));
        });
        return { notes: [http2.goaway || "no GOAWAY"] };
      },
    },
    {
      name: "binary-metadata",
      title: "Binary metadata that is no base64 (CVE-2023-32732): the call may fail, not the connection",
      durationMs: 400,
      run: (target) =>
        callWithFields(
          target,
          ["!", "A", "A===", "\u00ff", "AAAA".repeat(2000), "", "AA AA", "QQ==,QQ"].map((value) =>
            [["x-bin", value]] as const
          ),
        ),
    },
    {
      name: "metadata-names",
      title: "Metadata named as what objects have, and as what the protocol keeps for itself",
      durationMs: 400,
      run: (target) =>
        callWithFields(
          target,
          [
            "__proto__",
            "constructor",
            "tostring",
            "grpc-status",
            "grpc-message",
            "grpc-status-details-bin",
            "trailer",
            "x".repeat(8000),
          ]
            .map((name) => [[name, "x"]] as const),
        ),
    },
    {
      name: "grpc-paths",
      title: "Paths that are not canonical (CVE-2026-33186): none of them is a method",
      durationMs: 400,
      run: async (target) => {
        const faults: string[] = [];
        const paths = [
          "//edgewire.v1.Greeter/SayHello",
          "/edgewire.v1.Greeter//SayHello",
          "/edgewire.v1.Greeter/SayHello/",
          "/edgewire.v1.Greeter/sayhello",
          "/edgewire.v1.Greeter/Say%48ello",
          "/edgewire.v1.Greeter%2fSayHello",
          "/./edgewire.v1.Greeter/SayHello",
          "/x/../edgewire.v1.Greeter/SayHello",
          "/edgewire.v1.Greeter/SayHello;x",
          "/EDGEWIRE.V1.GREETER/SayHello",
        ];
        let index = 0;
        await atRate(target, 100, () => {
          const path = paths[index++ % paths.length]!;
          callJson(target, path, { name: "x" }).then(({ status }) => {
            if (status === 200) {
              faults.push(`${path} was answered`);
            }
          }, () => {});
        });
        return { faults: [...new Set(faults)] };
      },
    },
    {
      name: "get-query",
      title: "GETs of Connect with a thousand parameters, the same ones again, and long ones",
      run: async (target) => {
        const queries = [
          "x=1&".repeat(1900),
          "message=%7B%7D&".repeat(500) + "encoding=json",
          "encoding=json&message=" + "%20".repeat(2000) + "%7B%7D",
          "encoding=json&base64=1&message=" + "A".repeat(7000) + "!",
          "%".repeat(7000),
          "encoding=json&message=%7B%7D&compression=zstd",
        ];
        let index = 0;
        await atRate(target, 150, () => {
          const query = queries[index++ % queries.length]!;
          ask(target, `GET ${SAY_HELLO}?${query} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`).catch(
            () => {},
          );
        });
      },
    },
    {
      name: "health-watch",
      title: "Health/Watch on 128 streams of 20 connections, which never end",
      run: async (target) => {
        await onEach(20, async () => {
          const http2 = await Http2Wire.connect(target);
          for (let stream = 0; stream < 128; stream++) {
            await http2.call("/grpc.health.v1.Health/Watch", envelope(EMPTY));
          }
        });
        await waitForEnd(target);
      },
    },
    {
      name: "echo-amplification",
      title: "Converse with names of 1 MiB whose responses are taken slowly",
      maxBytes: 64 * MIB,
      run: async (target) => {
        await onEach(8, async () => {
          const http2 = await Http2Wire.connect(target, { reads: false });
          const id = http2.takeStreamId();
          await http2.wire.send(headers(id, callBlock(`${GREETER}/Converse`)));
          const turn = dataFrames(id, envelope(lengthDelimited(1, "x".repeat(MIB))), false);
          while (!isOver(target)) {
            await Promise.race([http2.wire.send(turn), waitForEnd(target)]);
          }
        });
      },
    },
    {
      name: "http1-grpc",
      title: "gRPC by HTTP/1.1, and other content types than a call has",
      run: async (target) => {
        const types = [
          "application/grpc",
          "text/plain",
          "application/x",
          "application/json; charset=utf-7",
          "",
          "multipart/form-data",
        ];
        let index = 0;
        const faults: string[] = [];
        await atRate(target, 100, () => {
          const type = types[index++ % types.length]!;
          const head =
            `POST ${SAY_HELLO} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: ${type}\r\ncontent-length: 2\r\n\r\n{}`;
          ask(target, latin1(head)).then(({ status }) => {
            if (status === 200 && (type === "text/plain" || type === "multipart/form-data")) {
              faults.push(`content-type: ${type} was answered`);
            }
          }, () => {});
        });
        return { faults: [...new Set(faults)] };
      },
    },
  ] satisfies readonly Attack[],
};
