/** Attacks by compression, on each protocol that has it. */
import type { Attack, AttackGroup, Target } from "../attack.ts";
import { callAgain, GZIP } from "../calls.ts";
import { type Fields, join, repeat } from "../frames.ts";
import { ALMOST_4_MIB, bomb, EMPTY, envelope, GREETER, gzip, HASH, lengthDelimited, MIB } from "../messages.ts";
import { ask, atRate } from "../sockets.ts";

const SAY_HELLO = `${GREETER}/SayHello`;

/** What a bomb becomes, in bytes: more than any limit, and what a machine of CI makes in a second. */
const BOMB_BYTES = 256 * MIB;

const encoded = (encoding: string): Fields => [["grpc-encoding", encoding]];

/** A bomb by gRPC. Only its first 4 MiB may ever be made of it. */
const grpcBomb = (encoding: "br" | "zstd" | "deflate"): Attack => ({
  name: `bomb-grpc-${encoding}`,
  title: `256 MiB of zeros by gRPC and ${encoding}`,
  run: (target) => callAgain(target, SAY_HELLO, envelope(bomb(encoding, BOMB_BYTES), 1), { fields: encoded(encoding) }),
});

/** Bytes as the alphabet of base64 for URLs has them. */
function base64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** Repeats a request of HTTP/1.1 on new connections. */
async function askAgain(target: Target, request: string) {
  const statuses = new Map<number, number>();
  await atRate(target, 50, () => {
    ask(target, request).then(({ status }) => statuses.set(status, (statuses.get(status) ?? 0) + 1), () => {});
  });
  return { notes: [[...statuses].map(([status, count]) => `${count} x ${status}`).join(", ")] };
}

export const compression: AttackGroup = {
  name: "compression",
  attacks: [
    {
      name: "bomb-grpc-gzip",
      title: "256 MiB of zeros by gRPC and gzip",
      run: (target) => callAgain(target, SAY_HELLO, envelope(bomb("gzip", BOMB_BYTES), 1), { fields: GZIP }),
    },
    grpcBomb("br"),
    grpcBomb("zstd"),
    grpcBomb("deflate"),
    {
      name: "bomb-connect",
      title: "256 MiB of zeros by Connect, whose content is compressed as a whole",
      run: (target) =>
        callAgain(target, SAY_HELLO, bomb("gzip", BOMB_BYTES), {
          contentType: "application/proto",
          fields: [["content-encoding", "gzip"]],
        }),
    },
    {
      name: "bomb-grpc-web",
      title: "256 MiB of zeros by gRPC-Web",
      run: (target) =>
        callAgain(target, SAY_HELLO, envelope(bomb("br", BOMB_BYTES), 1), {
          contentType: "application/grpc-web+proto",
          fields: encoded("br"),
        }),
    },
    {
      name: "bomb-stream",
      title: "Streams of Connect with a bomb in each envelope",
      run: (target) =>
        callAgain(target, `${HASH}/ShaStream`, repeat(envelope(bomb("br", BOMB_BYTES), 1), 3), {
          contentType: "application/connect+proto",
          fields: [["connect-content-encoding", "br"]],
        }),
    },
    {
      name: "bomb-get",
      title: "A bomb in the query of a GET",
      run: (target) => {
        const message = base64Url(bomb("br", BOMB_BYTES));
        const query = `connect=v1&encoding=proto&base64=1&compression=br&message=${message}`;
        return askAgain(target, `GET ${SAY_HELLO}?${query} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`);
      },
    },
    {
      name: "bomb-of-almost-4-mib",
      title: "4 KB that are 4 MiB less a byte, 16 at a time: within the limit, and all of them work",
      run: (target) =>
        callAgain(target, SAY_HELLO, envelope(gzip(lengthDelimited(2, new Uint8Array(ALMOST_4_MIB - 8))), 1), {
          fields: GZIP,
          atOnce: 16,
        }),
    },
    {
      name: "responses-compressed",
      title: "Greetings of 4 MB that compress slowly, wanted as gzip and br: 174 ms and 249 for each (B.9)",
      run: (target) => {
        const name = Array.from({ length: ALMOST_4_MIB }, () => Math.random() < 0.5 ? "a" : "b").join("");
        const body = envelope(gzip(lengthDelimited(1, name)), 1);
        const more: Fields = [["grpc-encoding", "gzip"], ["grpc-accept-encoding", "br,gzip"]];
        return callAgain(target, SAY_HELLO, body, { fields: more, atOnce: 4 });
      },
    },
    {
      name: "trailing-garbage",
      title: "gzip with 3 MB of garbage behind its end, and with a thousand empty members",
      run: (target) =>
        callAgain(target, SAY_HELLO, [
          envelope(join(gzip(lengthDelimited(1, "x")), new Uint8Array(3 * MIB).fill(7)), 1),
          envelope(repeat(gzip(EMPTY), 100_000), 1),
        ], { fields: GZIP }),
    },
    {
      name: "truncated",
      title: "Compressed messages that are cut short, empty, or of another encoding",
      run: (target) => {
        const whole = gzip(crypto.getRandomValues(new Uint8Array(60_000)));
        return callAgain(target, SAY_HELLO, [
          envelope(whole.subarray(0, whole.length - 9), 1),
          envelope(EMPTY, 1),
          envelope(bomb("zstd", 1000), 1),
          envelope(new Uint8Array(1000).fill(31), 1),
        ], { fields: GZIP, atOnce: 20 });
      },
    },
    {
      name: "tiny-compressed",
      title: "Streams of empty compressed messages: each sets up a decompressor",
      run: (target) =>
        callAgain(target, `${GREETER}/Converse`, repeat(envelope(gzip(EMPTY), 1), 2000), { fields: GZIP, atOnce: 2 }),
    },
    {
      name: "zstd-window",
      title: "zstd frames that announce windows of 2 GiB",
      run: (target) => {
        const frame = new Uint8Array([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, 0x01, 0x00, 0x00]);
        return callAgain(target, SAY_HELLO, envelope(frame, 1), { fields: encoded("zstd"), atOnce: 20 });
      },
    },
  ],
};
