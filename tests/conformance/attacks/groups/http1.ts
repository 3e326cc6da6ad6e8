/** Attacks by HTTP/1.1. */
import type { Attack, AttackGroup, Target } from "../attack.ts";
import { join, latin1, repeat } from "../frames.ts";
import { ALMOST_4_MIB, envelope, GREETER, gzip, HASH, lengthDelimited, MIB, postHead } from "../messages.ts";
import { ask, atRate, inSteps, isOver, onEach, sleep, waitForEnd, Wire } from "../sockets.ts";

const SAY_HELLO = `${GREETER}/SayHello`;
const HELLO = `${postHead(SAY_HELLO, "application/json", 12)}{"name":"x"}`;
const CHUNKED_HEAD = `POST ${SAY_HELLO} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/proto\r\n` +
  "transfer-encoding: chunked\r\n\r\n";

/** Floods connection after connection, as each is closed at some point. */
async function floodAgain(
  target: Target,
  begin: string,
  part: Uint8Array | string | (() => Uint8Array | string),
  reads = true,
) {
  let [connections, parts] = [0, 0];
  while (performance.now() < target.endMs && connections < 200) {
    const wire = await Wire.connect(target).catch(() => undefined);
    connections++;
    if (wire !== undefined) {
      reads && wire.read();
      await wire.send(begin);
      parts += await wire.flood(target, part);
      wire.close();
    }
  }
  return { notes: [`${connections} connections, ${parts} writes`] };
}

/** Sends a begin on many connections, and then a byte of the rest each 100 ms. */
async function slowly(target: Target, count: number, begin: string, rest: string) {
  const dripping: Promise<unknown>[] = [];
  await inSteps(count, async () => {
    const wire = await Wire.connect(target);
    wire.read();
    await wire.send(begin);
    let position = 0;
    dripping.push(atRate(target, 10, () => wire.send(rest[position++ % rest.length]!)));
  });
  await Promise.all(dripping);
}

/** A chunk. */
function chunk(content: string, extension = ""): string {
  return `${content.length.toString(16)}${extension}\r\n${content}\r\n`;
}

/** Requests of which two servers in a row may find two different ends. */
const SMUGGLED = "GET /smuggled HTTP/1.1\r\nhost: localhost\r\n\r\n";
const AMBIGUOUS: readonly string[] = [
  "content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
  "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n",
  "transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
  "transfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
  "transfer-encoding : chunked\r\n\r\n0\r\n\r\n",
  "transfer-encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
  "x: y\r\n transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
  "content-length: 0\r\ncontent-length: 44\r\n\r\n",
  "content-length: 0, 44\r\n\r\n",
  "content-length: +0\r\n\r\n",
  "content-length: 0x0\r\n\r\n",
  "content-length: -1\r\n\r\n",
  "content-length: 18446744073709551616\r\n\r\n",
  "content-length: 0\n\n",
  "x: y\rcontent-length: 44\r\n\r\n",
  "transfer-encoding: chunked\r\n\r\n0\n\n",
  "transfer-encoding: chunked\r\n\r\n0x0\r\n\r\n",
  "transfer-encoding: chunked\r\n\r\n-0\r\n\r\n",
  "transfer-encoding: chunked\r\n\r\n1\r\nxx\r\n0\r\n\r\n",
  "transfer-encoding: chunked\r\n\r\n10000000000000000\r\nx\r\n0\r\n\r\n",
  "\0: x\r\n\r\n",
  "host: localhost\r\ncontent-length: 0\r\n\r\n",
];

export const http1: AttackGroup = {
  name: "http1",
  attacks: [
    {
      name: "pipelining",
      title: "Calls one behind the other whose responses are not read",
      run: (target) => floodAgain(target, "", HELLO.repeat(300), false),
    },
    {
      name: "pipelining-read",
      title: "Calls one behind the other whose responses are read: others get their turn",
      run: (target) => floodAgain(target, "", HELLO.repeat(300)),
    },
    {
      name: "pipelining-site",
      title: "GETs of the page one behind the other whose responses are not read",
      run: (target) => floodAgain(target, "", "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(300), false),
    },
    {
      name: "chunk-extensions",
      title: "Chunks of 1 byte with 4 KiB of extension (CVE-2023-39326)",
      run: (target) => floodAgain(target, CHUNKED_HEAD, chunk("x", `;x=${"y".repeat(4000)}`).repeat(16)),
    },
    {
      name: "chunk-extension-without-end",
      title: "An extension that does not end",
      run: (target) => floodAgain(target, `${CHUNKED_HEAD}1;`, "x".repeat(65_536)),
    },
    {
      name: "one-byte-chunks",
      title: "Requests in chunks of 1 byte",
      run: (target) => floodAgain(target, CHUNKED_HEAD, chunk("x").repeat(10_000)),
    },
    {
      name: "chunk-size",
      title: "Chunk sizes that are long, wrong, or above 2^53",
      run: (target) => {
        const sizes = ["ffffffffffffffff", "0".repeat(20_000), "fffffffffffff", "-1", "1 ", "g", ""];
        let index = 0;
        return floodAgain(target, "", () => `${CHUNKED_HEAD}${sizes[index++ % sizes.length]}\r\nx`);
      },
    },
    {
      name: "chunked-trailers",
      title: "Requests with trailers that do not end",
      run: (target) => floodAgain(target, `${CHUNKED_HEAD}0\r\n`, "x-trailer: y\r\n".repeat(4000)),
    },
    {
      name: "endless-request-line",
      title: "A request line that does not end",
      run: (target) => floodAgain(target, "GET /", "x".repeat(65_536)),
    },
    {
      name: "endless-fields",
      title: "Fields that do not end",
      run: (target) => floodAgain(target, "GET / HTTP/1.1\r\n", "x: y\r\n".repeat(10_000)),
    },
    {
      name: "new-heads",
      title: "Heads of 60 KiB that are new each time: whatever is remembered of them is bounded",
      run: (target) => {
        let index = 0;
        return floodAgain(
          target,
          "",
          () =>
            `GET /x HTTP/1.1\r\nhost: localhost\r\n${
              Array.from({ length: 60 }, () => `x-${index++}: ${"y".repeat(900)}\r\n`).join("")
            }\r\n`,
        );
      },
    },
    {
      name: "forwarded-addresses",
      title:
        "Addresses of 60 KiB that are none, where a proxy is trusted: a pattern that goes back and forth took years",
      server: "forwarded",
      run: async (target) => {
        const text = ":".repeat(60_000);
        const fields = ["forwarded: for=", 'forwarded: for="[', "x-forwarded-for: ", "x-forwarded-proto: "];
        let index = 0;
        await atRate(target, 50, () => {
          const name = fields[index++ % fields.length]!;
          ask(target, `GET /x HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n${name}${text}x\r\n\r\n`).catch(
            () => {},
          );
        });
      },
    },
    {
      name: "slow-heads",
      title: "300 heads that come by the byte (Slowloris)",
      run: (target) => slowly(target, 300, "GET / HTTP/1.1\r\nhost: localhost\r\nx-slow: ", "y"),
    },
    {
      name: "slow-bodies",
      title: "300 requests whose content comes by the byte (R.U.D.Y.)",
      run: (target) => slowly(target, 300, postHead(SAY_HELLO, "application/json", 4_000_000), " "),
    },
    {
      name: "bodies-without-end",
      title: "100 requests of 3.9 MB that stop before their end (B.6)",
      maxBytes: 450 * MIB,
      durationMs: 3000,
      run: async (target) => {
        const piece = new Uint8Array(65_536);
        await onEach(100, async () => {
          const wire = await Wire.connect(target);
          wire.read();
          await wire.send(postHead(SAY_HELLO, "application/proto", ALMOST_4_MIB));
          for (let index = 0; index < 62 && !isOver(target) && !wire.isClosed; index++) {
            await Promise.race([wire.send(piece), waitForEnd(target)]);
          }
        });
        await waitForEnd(target);
      },
    },
    {
      name: "responses-not-taken-http1",
      title: "150 requests of 4 KB for responses of 4 MB, which are not read (B.6)",
      run: async (target) => {
        const body = gzip(lengthDelimited(1, "x".repeat(ALMOST_4_MIB)));
        const request = join(
          latin1(postHead(SAY_HELLO, "application/proto", body.length, "content-encoding: gzip\r\n")),
          body,
        );
        const open = await onEach(150, async () => {
          const wire = await Wire.connect(target);
          await wire.send(request);
        });
        await waitForEnd(target);
        return { notes: [`${open} connections`] };
      },
    },
    {
      name: "ambiguous-requests",
      title: "Requests with two ends, by the thousand: none of them smuggles another",
      run: async (target) => {
        const faults: string[] = [];
        let index = 0;
        await atRate(target, 150, () => {
          const ambiguous = AMBIGUOUS[index++ % AMBIGUOUS.length]!;
          ask(target, `POST /x HTTP/1.1\r\nhost: localhost\r\n${ambiguous}${SMUGGLED}`, 500).then(({ text }) => {
            if ((text.match(/^HTTP\/1\.1 /gm) ?? []).length > 1) {
              faults.push(`two responses to ${JSON.stringify(ambiguous)}`);
            }
          }, () => {});
        });
        await sleep(600);
        return { faults: [...new Set(faults)] };
      },
    },
    {
      name: "upgrades",
      title: "Upgrades to h2c and WebSocket, CONNECT and TRACE",
      run: async (target) => {
        const requests = [
          "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\n",
          "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-key: x\r\n\r\n",
          "CONNECT evil.example:443 HTTP/1.1\r\nhost: evil.example:443\r\n\r\n",
          "TRACE / HTTP/1.1\r\nhost: localhost\r\ncookie: secret\r\n\r\n",
        ];
        const faults: string[] = [];
        let index = 0;
        await atRate(target, 100, () => {
          const request = requests[index++ % requests.length]!;
          ask(target, request, 300).then(({ status, text }) => {
            if (status === 101 || request.startsWith("CONNECT") && status === 200 || text.includes("secret")) {
              faults.push(`${request.slice(0, 20)} was answered with ${status}`);
            }
          }, () => {});
        });
        return { faults: [...new Set(faults)] };
      },
    },
    {
      name: "ranges",
      title: "A thousand ranges of a page, and ones that overlap (CVE-2011-3192)",
      run: (target) => {
        const ranges = Array.from({ length: 1000 }, (_, index) => `${index}-`).join(",");
        return floodAgain(target, "", `GET / HTTP/1.1\r\nhost: localhost\r\nrange: bytes=${ranges}\r\n\r\n`);
      },
    },
    {
      name: "site-paths",
      title: "Paths that lead out of the page's directory",
      durationMs: 400,
      run: async (target) => {
        const paths = [
          "/../server.ts",
          "/..%2fserver.ts",
          "/%2e%2e/server.ts",
          "/dist/../../server.ts",
          "/dist/..%5c..%5cserver.ts",
          "//etc/passwd",
          "/%2fetc/passwd",
          "/dist/%00",
          "/dist/%",
          "/dist/%c0%ae%c0%ae/",
          "/server.ts",
          "/main.tsx",
          "/deno.json",
        ];
        const faults: string[] = [];
        let index = 0;
        await atRate(target, 100, () => {
          const path = paths[index++ % paths.length]!;
          ask(target, `GET ${path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`).then(({ status }) => {
            if (status === 200 || status >= 500) {
              faults.push(`GET ${path} was answered with ${status}`);
            }
          }, () => {});
        });
        return { faults: [...new Set(faults)] };
      },
    },
    {
      name: "stream-of-connect-without-end",
      title: "100 streams of Connect by HTTP/1.1 whose envelopes begin with 4 MiB and stop",
      run: async (target) => {
        await onEach(100, async () => {
          const wire = await Wire.connect(target);
          wire.read();
          await wire.send(
            `POST ${HASH}/ShaStream HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/connect+proto\r\n` +
              "transfer-encoding: chunked\r\n\r\n",
          );
          const begin = envelope(new Uint8Array(60_000), 0, ALMOST_4_MIB);
          await wire.send(join(latin1(`${begin.length.toString(16)}\r\n`), begin, latin1("\r\n")));
        });
        await waitForEnd(target);
      },
    },
    {
      name: "lone-carriage-returns",
      title: "64 KiB of CR, NUL and spaces in heads: what is scanned again and again",
      run: (target) => floodAgain(target, "GET / HTTP/1.1\r\nx: ", repeat(latin1("\r \t"), 20_000)),
    },
  ] satisfies readonly Attack[],
};
