/**
 * File with a Hash server that is away, slow, or wrong: HashFile says which server, with a code that is true of HashFile. What is left behind fails
 * the tests: sockets and timers of ours are counted by Deno, and servers wait until they are left.
 */
import { Code, ConnectError, type ConnectRouter, type ServiceImpl } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { Hash, HashAlgorithm } from "../../gen/edgewire/v1/hash_pb.ts";
import type { Protocol } from "../../src/rpc/mod.ts";
import { serve } from "../../src/serve.ts";
import { createNativeHasher } from "../../src/services/deno/mod.ts";
import { registerHash } from "../../src/services/mod.ts";
import { sampleBytes, sha256 } from "../support/bytes.ts";
import { assertConnectError } from "../support/connect_error.ts";
import { createFileScene, type FileScene } from "../support/file_scene.ts";
import { ascii, concat, data, goaway, headers, resetStream, settings } from "../support/frame_builder.ts";
import { readOctets, startRawServer } from "../support/raw_server.ts";

const PROTOCOLS = ["connect", "grpc", "grpc-web"] as const;

const CONTENT = sampleBytes(500_000);

/** More than comes before the first message, and less than comes at all. */
const SOME_OCTETS = 1000;

/** What keeps a test from waiting forever. */
const LONG_MS = 30_000;

/** What ends the wait for a server that is silent. */
const SHORT_MS = 200;

/** Something that listens, until it is disposed of. */
interface Listening extends AsyncDisposable {
  readonly url: string;
}

/** What is wrong with a server, and what HashFile makes of it. */
interface Fault {
  readonly name: string;
  readonly protocols: readonly Protocol[];
  readonly code: Code;
  /** A pattern for the rest of the message. */
  readonly reason: string;
  start(protocol: Protocol): Listening | Promise<Listening>;
}

async function serveRoutes(routes: (router: ConnectRouter) => void, port = 0): Promise<Listening> {
  const { url, close } = await serve({ routes, port });
  return { url, [Symbol.asyncDispose]: close };
}

function serveHash(implementation: Partial<ServiceImpl<typeof Hash>>): Promise<Listening> {
  return serveRoutes((router) => router.service(Hash, implementation));
}

function serveResponses(respond: () => Response): Listening {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, respond);
  return { url: `http://127.0.0.1:${server.addr.port}`, [Symbol.asyncDispose]: () => server.shutdown() };
}

/** Says something once it was spoken to, and waits until it is left. */
function answerOnce(answer: Uint8Array): Listening {
  return startRawServer(async (connection) => {
    await readOctets(connection, 1);
    await connection.write(answer);
    await readOctets(connection, Infinity);
  });
}

/** Speaks HTTP/2 until it has some of the call, writes what is no answer, and closes the connection, or waits until it is left. */
function breakHttp2(answer: Uint8Array, { closes = true } = {}): Listening {
  return startRawServer(async (connection) => {
    await connection.write(settings());
    await readOctets(connection, SOME_OCTETS);
    await connection.write(answer);
    await readOctets(connection, closes ? 0 : Infinity);
  });
}

/** `:status: 200`, `content-type: application/grpc`, literal and without Huffman coding. */
const GRPC_HEAD = concat(new Uint8Array([0x88, 0x0f, 0x10, 0x10]), ascii("application/grpc"));

const STREAM_TYPES: Readonly<Record<Protocol, string>> = {
  "connect": "application/connect+proto",
  "grpc": "application/grpc+proto",
  "grpc-web": "application/grpc-web+proto",
};

const FAULTS: readonly Fault[] = [
  {
    name: "is away",
    protocols: PROTOCOLS,
    code: Code.Unavailable,
    reason: "cannot (connect to|reach) .*[Cc]onnection refused.*",
    start: async () => {
      await using server = startRawServer(() => Promise.resolve());
      return { url: server.url, [Symbol.asyncDispose]: () => Promise.resolve() };
    },
  },
  {
    name: "hangs up",
    protocols: ["grpc"],
    code: Code.Unavailable,
    reason: "cannot connect to .*",
    start: () => startRawServer(() => Promise.resolve()),
  },
  {
    name: "closes in the middle of the request",
    protocols: ["connect", "grpc-web"],
    code: Code.Unavailable,
    reason: "cannot reach .*",
    start: () => startRawServer(async (connection) => void await readOctets(connection, SOME_OCTETS)),
  },
  {
    name: "closes in the middle of the request",
    protocols: ["grpc"],
    code: Code.Unavailable,
    reason: "lost the connection to .*",
    start: () => breakHttp2(new Uint8Array(0)),
  },
  {
    name: "closes in the middle of its answer",
    protocols: ["grpc"],
    code: Code.Unavailable,
    reason: "lost the connection to .*",
    start: () => breakHttp2(concat(headers(1, GRPC_HEAD), data(1, new Uint8Array([0, 0, 0, 0, 9, 1])))),
  },
  {
    name: "goes away",
    protocols: ["grpc"],
    code: Code.Unavailable,
    reason: "lost the connection to .*",
    start: () => breakHttp2(goaway(1, 0)),
  },
  {
    name: "resets the call",
    protocols: ["grpc"],
    code: Code.Internal,
    reason: "the call was reset: .*INTERNAL_ERROR.*",
    start: () => breakHttp2(concat(resetStream(1, 2), goaway(1, 0)), { closes: false }),
  },
  {
    name: "speaks SSH",
    protocols: ["grpc"],
    code: Code.Unavailable,
    reason: "cannot connect to .*",
    start: () => answerOnce(ascii("SSH-2.0-OpenSSH_9.2\r\n")),
  },
  {
    name: "speaks SSH",
    protocols: ["connect", "grpc-web"],
    code: Code.Unavailable,
    reason: "cannot reach .*",
    start: () => answerOnce(ascii("SSH-2.0-OpenSSH_9.2\r\n")),
  },
  {
    name: "speaks HTTP/1.1 only",
    protocols: ["grpc"],
    code: Code.Unavailable,
    reason: "cannot connect to .*: the peer speaks HTTP/1 .*",
    start: () => answerOnce(ascii("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")),
  },
  {
    name: "speaks no TLS, though its URL says so",
    protocols: PROTOCOLS,
    code: Code.Unavailable,
    reason: "cannot (connect to|reach) .*",
    start: () => {
      const server = answerOnce(ascii("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"));
      return { ...server, url: server.url.replace("http:", "https:") };
    },
  },
  {
    name: "is a web site",
    protocols: PROTOCOLS,
    code: Code.Internal,
    reason: 'content-type is "text/html", not application/.*',
    start: () => serveResponses(() => new Response("<p>Welcome", { headers: { "content-type": "text/html" } })),
  },
  {
    name: "is another site",
    protocols: PROTOCOLS,
    code: Code.Internal,
    reason: "HTTP 404",
    start: () => serveResponses(() => new Response("There is nothing here", { status: 404 })),
  },
  {
    name: "is behind a proxy that does not find it",
    protocols: PROTOCOLS,
    code: Code.Unavailable,
    reason: "HTTP 503",
    start: () => serveResponses(() => new Response("Come back later", { status: 503 })),
  },
  {
    name: "answers with another message",
    protocols: PROTOCOLS,
    code: Code.Internal,
    reason: "the response is no edgewire.v1.ShaStreamResponse: .*",
    start: (protocol) =>
      serveResponses(() => {
        const envelope = new Uint8Array([0, 0, 0, 0, 3, 10, 255, 255]);
        return new Response(envelope, { headers: { "content-type": STREAM_TYPES[protocol] } });
      }),
  },
  {
    name: "answers with another digest",
    protocols: PROTOCOLS,
    code: Code.Internal,
    reason: "answered without the digest that was asked for",
    start: () =>
      serveHash({ shaStream: () => Promise.resolve({ digest: { algorithm: HashAlgorithm.MD5, hex: "00" } }) }),
  },
  {
    name: "has another Hash service",
    protocols: PROTOCOLS,
    code: Code.Internal,
    reason: "edgewire.v1.Hash.ShaStream is not implemented",
    start: () => serveHash({}),
  },
  {
    name: "has no time",
    protocols: PROTOCOLS,
    code: Code.DeadlineExceeded,
    reason: "busy",
    start: () => serveHash({ shaStream: () => Promise.reject(new ConnectError("busy", Code.DeadlineExceeded)) }),
  },
];

/** Has it hashed both ways, the second time when the first one's fault is known. */
async function assertFault({ file }: FileScene, url: string, { code, reason }: Fault): Promise<void> {
  const message = new RegExp(`^hash service at ${url}: ${reason}$`);
  await assertConnectError(file.hashFile({ name: "a" }, { timeoutMs: LONG_MS }), code, message);
  const events = Array.fromAsync(file.hashFileWithProgress({ name: "a" }, { timeoutMs: LONG_MS }));
  await assertConnectError(events, code, message);
}

for (const fault of FAULTS) {
  for (const protocol of fault.protocols) {
    Deno.test(`File, by ${protocol}, with a Hash server that ${fault.name}`, async () => {
      await using server = await fault.start(protocol);
      await using scene = await createFileScene(server.url, protocol, CONTENT);
      await assertFault(scene, server.url, fault);
    });
  }
}

for (const protocol of PROTOCOLS) {
  Deno.test(`File, by ${protocol}, with a server that never says anything`, async () => {
    await using server = startRawServer(async (connection) => void await readOctets(connection, Infinity));
    await using scene = await createFileScene(server.url, protocol, CONTENT);
    await assertConnectError(
      scene.file.hashFile({ name: "a" }, { timeoutMs: SHORT_MS }),
      Code.DeadlineExceeded,
      /timed out after \d+ ms$/,
    );
  });

  Deno.test(`File, by ${protocol}, with a Hash service that never answers, and hears that it need not`, async () => {
    const cancelled = Promise.withResolvers<void>();
    await using server = await serveHash({
      shaStream: (_requests, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => {
            cancelled.resolve();
            reject(signal.reason);
          });
        }),
    });
    await using scene = await createFileScene(server.url, protocol, CONTENT);
    await assertConnectError(
      scene.file.hashFile({ name: "a" }, { timeoutMs: SHORT_MS }),
      Code.DeadlineExceeded,
      /timed out after \d+ ms$/,
    );
    await cancelled.promise;
  });

  Deno.test(`File, by ${protocol}, tells nobody the password in the URL of its Hash server`, async () => {
    await using server = await serveHash({});
    const url = server.url.replace("//", "//user:secret@");
    await using scene = await createFileScene(url, protocol, CONTENT);
    const message = `hash service at ${server.url}: edgewire.v1.Hash.ShaStream is not implemented`;
    await assertConnectError(scene.file.hashFile({ name: "a" }), Code.Internal, message);
  });
}

Deno.test("File, by grpc, calls a Hash server again that lost its connections", async () => {
  const broken = breakHttp2(new Uint8Array(0));
  await using scene = await createFileScene(broken.url, "grpc", CONTENT);
  try {
    await assertConnectError(scene.file.hashFile({ name: "a" }), Code.Unavailable, /^hash service at .*: lost /);
  } finally {
    await broken[Symbol.asyncDispose]();
  }
  await using _ = await serveRoutes(
    (router) => registerHash(router, createNativeHasher),
    Number(new URL(broken.url).port),
  );
  const { digest } = await scene.file.hashFile({ name: "a" });
  assert.equal(digest?.hex, sha256(CONTENT));
});
