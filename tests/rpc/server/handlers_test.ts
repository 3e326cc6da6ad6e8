/** What handlers may give and say, and what is made of it in each protocol: to the field and the octet. */
import { create } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { connectionKey } from "../../../src/rpc/mod.ts";
import { readAnswer } from "../../support/rpc_answer.ts";
import {
  callOne,
  CALLS,
  each,
  HTTP2,
  type Impl,
  isEnveloped,
  PROTOCOLS,
  readEnvelopes,
  RpcScene,
  type RpcSceneOptions,
} from "../../support/rpc_scene.ts";
import { Samples, SampleSchema } from "../../support/sample_service.ts";

Deno.test("a handler may give a message, or what makes one", async () => {
  const given: [unknown, string][] = [
    [create(SampleSchema, { text: "b" }), '{"text":"b"}'],
    [{ text: "b" }, '{"text":"b"}'],
    [{}, "{}"],
    [Object.assign(Object.create(null), { text: "b" }), '{"text":"b"}'],
    [
      new class {
        readonly text = "b";
      }(),
      '{"text":"b"}',
    ],
    [{ text: undefined, unknown: 1 }, "{}"],
  ];
  for (const [value, text] of given) {
    const thenable = { then: (resolve: (given: unknown) => void) => resolve(value) };
    for (const given of [value, Promise.resolve(value), thenable]) {
      const impl = { unary: () => given };
      for (const protocol of PROTOCOLS) {
        const { exchange } = await callOne(impl as Impl, { protocol, codec: "json" });
        assert.deepEqual(readAnswer(exchange, { protocol }).messages, [text]);
      }
    }
  }
});

Deno.test("response headers and trailers of every kind arrive where they belong", async () => {
  const impl = each(({ responseHeader, responseTrailer }) => {
    responseHeader.append("h", "1");
    responseHeader.append("h", "2");
    responseHeader.set("h-bin", "AQI");
    responseHeader.append("set-cookie", "a=1");
    responseHeader.append("set-cookie", "b=2");
    responseTrailer.append("t", "3");
    responseTrailer.append("t", "4");
    responseTrailer.set("t-bin", "AwQ");
  });
  const header = "h=1, 2 h-bin=AQI set-cookie=a=1 set-cookie=b=2";
  for (const { protocol, method } of CALLS) {
    const { exchange } = await callOne(impl, { protocol, method });
    const [head = "", end] = exchange.log;
    assert.ok(head.includes(` ${header}`), head);
    if (protocol === "grpc") {
      assert.equal(end, "trailers grpc-status=0 t=3, 4 t-bin=AwQ");
    } else if (protocol === "grpc-web") {
      assert.deepEqual(readEnvelopes(exchange.content).at(-1), [0x80, "grpc-status: 0\r\nt: 3, 4\r\nt-bin: AwQ\r\n"]);
    } else if (isEnveloped(protocol, method)) {
      const [flags, text] = readEnvelopes(exchange.content).at(-1)!;
      assert.deepEqual([flags, JSON.parse(text)], [2, { metadata: { t: ["3, 4"], "t-bin": ["AwQ"] } }]);
    } else {
      assert.ok(head.endsWith(` ${header} trailer-t=3, 4 trailer-t-bin=AwQ`), head);
    }
  }
});

Deno.test("names that belong to HTTP or the protocols are not the handler's", async () => {
  const names = [
    "content-type",
    "content-length",
    "content-encoding",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "upgrade",
    "te",
    "trailer",
    "host",
    "grpc-status",
    "grpc-message",
    "grpc-status-details-bin",
    "grpc-encoding",
    "grpc-accept-encoding",
    "grpc-timeout",
    "accept-encoding",
    "connect-content-encoding",
    "connect-protocol-version",
  ];
  const impl = each(({ responseHeader, responseTrailer }) => {
    names.forEach((name) => responseHeader.set(name, "mine"));
    names.forEach((name) => responseTrailer.set(name, "mine"));
  });
  for (const { protocol, method } of CALLS) {
    const { exchange } = await callOne(impl, { protocol, method });
    const all = exchange.log.join("\n") + new TextDecoder().decode(exchange.content);
    assert.ok(!all.includes("mine"), all);
    assert.equal(readAnswer(exchange, { protocol, method }).code, "ok");
  }
});

Deno.test("responses of the limit are sent, of an octet more are refused, before compression", async () => {
  const server = { maxResponseBytes: 100, maxMessageBytes: 1000, compressMinBytes: 0 };
  for (const { protocol, method } of CALLS) {
    for (const [length, code] of [[98, "ok"], [99, "resource_exhausted"]] as const) {
      const text = "a".repeat(length);
      const impl: Impl = {
        unary: () => ({ text }),
        clientStream: () => Promise.resolve({ text }),
        async *serverStream() {
          yield { text };
        },
        async *bidi() {
          yield { text };
        },
      };
      for (
        const fields of [{}, {
          "accept-encoding": "gzip",
          "grpc-accept-encoding": "gzip",
          "connect-accept-encoding": "gzip",
        }]
      ) {
        const { exchange, errors } = await callOne(impl, { protocol, method, fields }, server);
        const answer = readAnswer(exchange, { protocol, method });
        assert.equal(answer.code, code);
        if (code !== "ok") {
          assert.equal(answer.message, "response message of 101 bytes is larger than the limit, 100");
          assert.deepEqual(answer.messages, []);
        }
        assert.deepEqual(errors, []);
      }
    }
  }
});

Deno.test("a context says who calls, what, and how", async () => {
  let seen: readonly unknown[] = [];
  const connection = { ...HTTP2, peer: { hostname: "192.0.2.1", port: 7 }, tlsPeerName: "client" };
  for (const { protocol, method } of CALLS) {
    const impl = each((context) => {
      seen = [
        context.protocolName,
        context.method.name,
        context.service.typeName,
        context.requestMethod,
        context.url,
        context.requestHeader.get("a"),
        context.requestHeader.get("b-bin"),
        context.timeoutMs(),
        context.values.get(connectionKey),
      ];
    });
    await callOne(impl, { protocol, method, connection, fields: { a: ["1", "2"], "b-bin": "AQ" } });
    assert.deepEqual(seen, [
      protocol,
      method,
      "test.v1.Samples",
      "POST",
      `http://test/test.v1.Samples/${method}`,
      "1, 2",
      "AQ",
      undefined,
      connection,
    ]);
  }
});

Deno.test("what a context has is made once, and can be taken out of it", async () => {
  let kept: HandlerContext | undefined;
  await callOne({
    unary: (_request, context) => {
      const { timeoutMs, signal, requestHeader, responseHeader, responseTrailer, values } = context;
      assert.equal(timeoutMs(), 1000);
      assert.equal(signal, context.signal);
      assert.equal(requestHeader, context.requestHeader);
      assert.equal(responseHeader, context.responseHeader);
      assert.equal(responseTrailer, context.responseTrailer);
      assert.equal(values, context.values);
      assert.equal(signal.aborted, false);
      kept = context;
      return {};
    },
  }, { fields: { "grpc-timeout": "1S" } });
  assert.equal(kept?.signal.aborted, true, "When the call has ended, nothing needs to go on");
});

Deno.test("options that cannot be are refused at once", () => {
  for (
    const [name, value, most] of [
      ["maxMessageBytes", -1, 4294967295],
      ["maxMessageBytes", 2 ** 32, 4294967295],
      ["maxResponseBytes", 1.5, 4294967295],
      ["maxDecodedBytes", -1, Number.MAX_SAFE_INTEGER],
      ["compressMinBytes", NaN, Number.MAX_SAFE_INTEGER],
      ["maxAbandonedCalls", Infinity, Number.MAX_SAFE_INTEGER],
    ] as const
  ) {
    assert.throws(
      () => new RpcScene({}, { [name]: value }),
      new RangeError(`Cannot set ${name} to ${value}: it is a whole number from 0 to ${most}`),
    );
  }
});

Deno.test("a service is registered once", () => {
  const twice = (routes: RpcSceneOptions["routes"]) => () => new RpcScene({}, { routes: routes! });

  assert.throws(
    twice((router) => router.service(Samples, {}).service(Samples, {})),
    new Error("Cannot register test.v1.Samples: it is registered already"),
  );
  assert.throws(
    twice((router) => router.rpc(Samples.method.unary, () => ({})).rpc(Samples.method.unary, () => ({}))),
    new Error("Cannot register /test.v1.Samples/Unary: it is registered already"),
  );
});
