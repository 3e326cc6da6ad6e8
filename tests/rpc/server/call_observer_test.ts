/** What observers are told of calls that end well, badly, or before they began. */
import { Code, ConnectError } from "@connectrpc/connect";
import assert from "node:assert/strict";
import type { CallObserver, EndedCall } from "../../../src/rpc/mod.ts";
import {
  type CallOptions,
  contentOf,
  ECHO,
  envelope,
  HTTP1,
  METHODS,
  PROTOCOLS,
  RpcScene,
  type RpcSceneOptions,
} from "../../support/rpc_scene.ts";

/** Notes what it is told: the records themselves are only whole at the end. */
class Notes implements CallObserver {
  readonly begun: string[] = [];
  readonly ended: EndedCall[] = [];

  begin(call: { readonly path: string }) {
    this.begun.push(call.path);
    return { end: (ended: EndedCall) => void this.ended.push(ended) };
  }

  /** The one call there was. */
  get only(): EndedCall {
    assert.equal(this.begun.length, 1);
    assert.equal(this.ended.length, 1);
    return this.ended[0]!;
  }
}

function observed(options: RpcSceneOptions = {}, samples: ConstructorParameters<typeof RpcScene>[0] = ECHO) {
  const notes = new Notes();
  return { notes, scene: new RpcScene(samples, { observers: [notes], ...options }) };
}

/** Messages of 1 octet of text are 3 in the binary format. */
const COUNTS = { Unary: [1, 1], ClientStream: [2, 1], ServerStream: [1, 2], Bidi: [2, 2] } as const;

for (const protocol of PROTOCOLS) {
  for (const method of METHODS) {
    Deno.test(`${protocol}, ${method}: messages and their octets are counted`, async () => {
      for (const size of [Infinity, 1]) {
        const { notes, scene } = observed();
        const [requests, responses] = COUNTS[method];
        await scene.call(
          { protocol, method },
          contentOf(protocol, "proto", method, "ab".slice(0, requests).split("")),
          size,
        );
        const call = notes.only;
        assert.equal(call.method?.name, method);
        assert.equal(call.path, `/test.v1.Samples/${method}`);
        assert.equal(call.protocolName, protocol);
        assert.equal(call.connection?.httpVersion, "2");
        assert.equal(call.code, undefined);
        assert.equal(call.requestCount, requests);
        assert.equal(call.requestBytes, 3 * requests);
        assert.equal(call.responseCount, responses);
        // Each says its text twice, but streams of one request say it as it is.
        assert.equal(call.responseBytes, { Unary: 4, ClientStream: 6, ServerStream: 6, Bidi: 8 }[method]);
        assert(call.durationMs >= 0);
      }
    });
  }
}

Deno.test("octets are counted as they travel: compressed", async () => {
  const { notes, scene } = observed({ compressMinBytes: 0 });
  const text = "a".repeat(100);
  const exchange = await scene.call(
    { fields: { "grpc-accept-encoding": "gzip" } },
    contentOf("grpc", "proto", "Unary", [text]),
  );
  const { requestBytes, responseBytes } = notes.only;
  assert.equal(requestBytes, 102);
  assert.equal(responseBytes, exchange.content.length - 5);
  assert(responseBytes < 100);
});

Deno.test("header fields are there by their names", async () => {
  const { notes, scene } = observed();
  await scene.call({ fields: { traceparent: "00-a-b-01" } }, contentOf("grpc", "proto", "Unary", ["a"]));
  assert.equal(notes.only.header("traceparent"), "00-a-b-01");
  assert.equal(notes.only.header("tracestate"), undefined);
});

const ONE = contentOf("grpc", "proto", "Unary", ["a"]);

/** Calls that end without their handler: what is sent, and what it counts as. */
const REFUSED: readonly [name: string, CallOptions, RpcSceneOptions, content: Uint8Array, Code, requests: number][] = [
  ["unknown compression", { fields: { "grpc-encoding": "x" } }, {}, ONE, Code.Unimplemented, 0],
  ["a timeout that is none", { fields: { "grpc-timeout": "x" } }, {}, ONE, Code.InvalidArgument, 0],
  ["no time at all", { fields: { "grpc-timeout": "0n" } }, {}, ONE, Code.DeadlineExceeded, 0],
  [
    "the gate",
    {},
    {
      requestGate: () => {
        throw new ConnectError("no", Code.Unauthenticated);
      },
    },
    ONE,
    Code.Unauthenticated,
    0,
  ],
  [
    "the gate, later",
    {},
    { requestGate: () => Promise.reject(new ConnectError("no", Code.PermissionDenied)) },
    ONE,
    Code.PermissionDenied,
    0,
  ],
  ["a message above the limit", {}, { maxMessageBytes: 2 }, ONE, Code.ResourceExhausted, 0],
  ["a message that is none", {}, {}, envelope(new Uint8Array([0xff])), Code.InvalidArgument, 1],
  ["no message", {}, {}, new Uint8Array(0), Code.Unimplemented, 0],
  ["a shutdown", {}, { shutdownSignal: AbortSignal.abort() }, ONE, Code.Unavailable, 0],
  ["no such method", { path: "/test.v1.Samples/Nothing" }, {}, ONE, Code.Unimplemented, 0],
  ["another method of HTTP", { httpMethod: "PUT" }, {}, ONE, Code.Unknown, 0],
  ["gRPC by HTTP/1.1", { connection: HTTP1 }, {}, ONE, Code.Unknown, 0],
];
for (const [name, call, options, content, code, requests] of REFUSED) {
  Deno.test(`a call that is refused is told of, too: ${name}`, async () => {
    const { notes, scene } = observed(options);
    await scene.call(call, content);
    assert.equal(Code[notes.only.code ?? 0], Code[code]);
    assert.equal(notes.only.requestCount, requests);
    assert.equal(notes.only.responseCount, 0);
    assert.equal(notes.only.protocolName, "grpc");
    assert.equal(notes.only.method?.name, call.path === undefined ? "Unary" : undefined);
  });
}

Deno.test("what speaks none of the protocols has none", async () => {
  const { notes, scene } = observed();
  await scene.call({ fields: { "content-type": "text/plain" }, path: "/test.v1.Samples/Unary?a=b" }, ONE);
  assert.equal(notes.only.protocolName, undefined);
  assert.equal(notes.only.code, Code.Unknown);
  assert.equal(notes.only.path, "/test.v1.Samples/Unary");
});

Deno.test("a call whose client is gone, whose time is over, or whose server ends, ends once", async () => {
  const unending = { unary: () => new Promise<never>(() => {}) };
  const shutdown = new AbortController();
  const { notes, scene } = observed({ shutdownSignal: shutdown.signal }, unending);
  const gone = scene.begin();
  gone.push(ONE, { endStream: true });
  gone.drop();
  assert.equal(notes.ended[0]?.code, Code.Canceled);
  scene.begin({ fields: { "grpc-timeout": "100m" } }).push(ONE, { endStream: true });
  await scene.clock.advance(110);
  assert.equal(notes.ended[1]?.code, Code.DeadlineExceeded);
  scene.begin().push(ONE, { endStream: true });
  shutdown.abort();
  assert.equal(notes.ended[2]?.code, Code.Unavailable);
  assert.equal(notes.begun.length, 3);
  assert.equal(notes.ended.length, 3);
});

Deno.test("a client with too many abandoned calls is told to come again", () => {
  const { notes, scene } = observed({ maxAbandonedCalls: 1 }, { unary: () => new Promise<never>(() => {}) });
  const first = scene.begin();
  first.push(ONE, { endStream: true });
  first.drop();
  assert.deepEqual(scene.begin().log, ["reset 7"]);
  assert.deepEqual(notes.ended.map(({ code }) => code), [Code.Canceled, Code.Unavailable]);
});

Deno.test("what handlers throw counts as what is answered, also when that cannot be sent", async () => {
  const { notes, scene } = observed({}, {
    unary: () => {
      throw new Error("secret");
    },
  });
  await scene.call({}, ONE);
  const exchange = scene.begin();
  exchange.respond = () => {
    throw new TypeError("Cannot send");
  };
  exchange.push(ONE, { endStream: true });
  assert.deepEqual(exchange.log, ["reset 2"]);
  assert.deepEqual(notes.ended.map(({ code }) => code), [Code.Internal, Code.Internal]);
});

Deno.test("an answer that cannot be sent is no success", () => {
  const { notes, scene } = observed();
  const exchange = scene.begin();
  exchange.endWithTrailers = () => {
    throw new TypeError("Cannot send");
  };
  exchange.push(ONE, { endStream: true });
  assert.equal(notes.only.code, Code.Internal);
});

Deno.test("observers are around the method, the first outermost, and hear of the end in their order", async () => {
  const log: string[] = [];
  const create = (name: string): CallObserver => ({
    begin: () => ({
      around: (invoke) => {
        log.push(`${name} (`);
        invoke();
        log.push(`${name} )`);
      },
      end: () => void log.push(`${name} end`),
    }),
  });
  const silent: CallObserver = { begin: () => ({ end: () => {} }) };
  const scene = new RpcScene(
    {
      unary: async () => {
        log.push("method");
        await Promise.resolve();
        return {};
      },
    },
    { observers: [create("a"), silent, create("b")] },
  );
  await scene.call({}, ONE);
  assert.deepEqual(log, ["a (", "b (", "method", "b )", "a )", "a end", "b end"]);
});
