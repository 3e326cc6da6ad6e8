/** What handlers may give, throw and say, and what is made of it in each protocol: to the field and the octet. */
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { HelloRequestSchema } from "../../../gen/edgewire/v1/greeter_pb.ts";
import { connectionKey } from "../../../src/rpc/mod.ts";
import { ascii } from "../../support/frame_builder.ts";
import { readAnswer } from "../../support/rpc_answer.ts";
import {
  type CallOptions,
  CALLS,
  contentOf,
  HTTP2,
  isEnveloped,
  METHODS,
  PROTOCOLS,
  readEnvelopes,
  RpcScene,
  type RpcSceneOptions,
} from "../../support/rpc_scene.ts";
import { Samples, SampleSchema } from "../../support/sample_service.ts";
import type { ScriptedExchange } from "../../support/scripted_exchange.ts";

type Impl = Partial<ServiceImpl<typeof Samples>>;

async function callOne(
  samples: Impl,
  options: CallOptions = {},
  server: RpcSceneOptions = {},
): Promise<{ exchange: ScriptedExchange; errors: readonly unknown[] }> {
  const scene = new RpcScene(samples, server);
  const { protocol = "grpc", codec = "proto", method = "Unary" } = options;
  const exchange = await scene.call(options, contentOf(protocol, codec, method, ["a"]));
  return { exchange, errors: scene.errors };
}

/** The same thing done by a method of each kind, before anything is answered. */
function each(action: (context: HandlerContext) => void): Impl {
  return {
    unary: (_request, context) => (action(context), {}),
    clientStream: (_requests, context) => Promise.resolve().then(() => (action(context), {})),
    async *serverStream(_request, context) {
      await Promise.resolve();
      action(context);
      yield {};
    },
    async *bidi(_requests, context) {
      action(context);
      yield {};
    },
  };
}

const DETAIL = { desc: HelloRequestSchema, value: { name: "x" } };

function richError(): ConnectError {
  const error = new ConnectError("überall\n100%", Code.FailedPrecondition, { "a-bin": "AQ", "b": "1" }, [DETAIL]);
  error.metadata.append("b", "2");
  return error;
}

Deno.test("gRPC says a ConnectError with details and metadata, in trailers alone when nothing was sent", async () => {
  const status = "grpc-status=9 grpc-message=%C3%BCberall%0A100%25 grpc-status-details-bin=" +
    "CAkSDcO8YmVyYWxsCjEwMCUaMwosdHlwZS5nb29nbGVhcGlzLmNvbS9lZGdld2lyZS52MS5IZWxsb1JlcXVlc3QSAwoBeA a-bin=AQ b=1, 2";
  const head = "content-type=application/grpc+proto grpc-accept-encoding=gzip,br,zstd,deflate";
  for (const method of METHODS) {
    const impl = each(() => {
      throw richError();
    });
    const { exchange, errors } = await callOne(impl, { method });
    assert.deepEqual(exchange.log, [`respond :status=200 ${head} ${status} end`]);
    assert.deepEqual(errors, []);
  }
  const late = await callOne({
    async *serverStream() {
      yield { text: "a" };
      throw richError();
    },
  }, { method: "ServerStream" });
  assert.deepEqual(late.exchange.log, [`respond :status=200 ${head}`, `trailers ${status}`]);
});

Deno.test("gRPC-Web says it in its last envelope", async () => {
  const trailers = "grpc-status: 9\r\ngrpc-message: %C3%BCberall%0A100%25\r\ngrpc-status-details-bin: " +
    "CAkSDcO8YmVyYWxsCjEwMCUaMwosdHlwZS5nb29nbGVhcGlzLmNvbS9lZGdld2lyZS52MS5IZWxsb1JlcXVlc3QSAwoBeA\r\n" +
    "a-bin: AQ\r\nb: 1, 2\r\n";
  for (const method of METHODS) {
    const impl = each(() => {
      throw richError();
    });
    const { exchange } = await callOne(impl, { protocol: "grpc-web", method });
    assert.equal(exchange.log.length, 2);
    assert.deepEqual(readEnvelopes(exchange.content), [[0x80, trailers]]);
  }
});

Deno.test("Connect says it in JSON: with a status of its own, or in the last envelope of a stream", async () => {
  const error = {
    code: "failed_precondition",
    message: "überall\n100%",
    details: [{ type: "edgewire.v1.HelloRequest", value: "CgF4", debug: { name: "x" } }],
  };
  for (const method of METHODS) {
    const impl = each(() => {
      throw richError();
    });
    const { exchange } = await callOne(impl, { protocol: "connect", method });
    if (method === "Unary") {
      assert.deepEqual(exchange.log, ["respond :status=400 content-type=application/json a-bin=AQ b=1, 2", "end"]);
      assert.deepEqual(JSON.parse(new TextDecoder().decode(exchange.content)), error);
    } else {
      const [[flags, text] = [0, ""], ...rest] = readEnvelopes(exchange.content);
      assert.deepEqual([flags, rest], [2, []]);
      assert.deepEqual(JSON.parse(text), { error, metadata: { "a-bin": ["AQ"], b: ["1, 2"] } });
    }
  }
});

Deno.test("each code has its status in Connect", async () => {
  const statuses = [0, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401];
  for (let code = 1; code <= 16; code++) {
    const { exchange } = await callOne({
      unary: () => {
        throw new ConnectError("", code);
      },
    }, { protocol: "connect" });
    assert.match(exchange.log[0]!, new RegExp(`^respond :status=${statuses[code]} `));
  }
});

Deno.test("what is no ConnectError is internal without its text, and told once", async () => {
  for (const { protocol, method } of CALLS) {
    for (
      const secret of [
        new Error("secret"),
        "secret",
        undefined,
        null,
        { secret: 1 },
        new DOMException("secret", "AbortError"),
      ]
    ) {
      const impl = each(() => {
        throw secret;
      });
      const { exchange, errors } = await callOne(impl, { protocol, method });
      assert.deepEqual(readAnswer(exchange, { protocol, method }), {
        messages: [],
        code: "internal",
        message: "internal error",
      });
      assert.deepEqual(errors, [secret]);
      assert.ok(!exchange.log.join().includes("secret"));
    }
  }
});

Deno.test("methods that throw before they return, and those whose promise rejects, end the same", async () => {
  const failures: Impl[] = [
    {
      unary: () => {
        throw new ConnectError("no", Code.Aborted);
      },
      clientStream: () => {
        throw new ConnectError("no", Code.Aborted);
      },
      serverStream: () => {
        throw new ConnectError("no", Code.Aborted);
      },
      bidi: () => {
        throw new ConnectError("no", Code.Aborted);
      },
    },
    {
      unary: () => Promise.reject(new ConnectError("no", Code.Aborted)),
      clientStream: () => Promise.reject(new ConnectError("no", Code.Aborted)),
    },
  ];
  for (const impl of failures) {
    for (const { protocol, method } of CALLS) {
      const { exchange, errors } = await callOne(impl, { protocol, method });
      const { code } = readAnswer(exchange, { protocol, method });
      assert.equal(
        code,
        impl === failures[0] || method === "Unary" || method === "ClientStream" ? "aborted" : "unimplemented",
      );
      assert.deepEqual(errors, []);
    }
  }
});

Deno.test("a handler may give a message, what makes one, or nothing", async () => {
  const given: [unknown, string][] = [
    [create(SampleSchema, { text: "b" }), '{"text":"b"}'],
    [{ text: "b" }, '{"text":"b"}'],
    [{}, "{}"],
    [undefined, "{}"],
    [{ text: undefined, unknown: 1 }, "{}"],
  ];
  for (const [value, text] of given) {
    for (const impl of [{ unary: () => value }, { unary: () => Promise.resolve(value) }]) {
      for (const protocol of PROTOCOLS) {
        const { exchange } = await callOne(impl as Impl, { protocol, codec: "json" });
        assert.deepEqual(readAnswer(exchange, { protocol }).messages, [text]);
      }
    }
  }
});

Deno.test("a handler that gives what is no message, or no stream, has made a mistake", async () => {
  const wrong: [Impl, CallOptions["method"]][] = [
    [{ unary: () => ({ number: 1.5 }) }, "Unary"],
    [{ unary: () => ({ number: 2 ** 31 }) }, "Unary"],
    [{ serverStream: (() => undefined) as never }, "ServerStream"],
    [{ bidi: (() => ({})) as never }, "Bidi"],
    [{
      async *serverStream() {
        yield { number: NaN };
      },
    }, "ServerStream"],
  ];
  for (const [impl, method] of wrong) {
    for (const protocol of PROTOCOLS) {
      const { exchange, errors } = await callOne(impl, { protocol, method: method! });
      assert.equal(readAnswer(exchange, { protocol, method: method! }).code, "internal");
      assert.equal(errors.length, 1);
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

Deno.test("they arrive with errors, too", async () => {
  const impl = each(({ responseHeader, responseTrailer }) => {
    responseHeader.set("h", "1");
    responseTrailer.set("t", "2");
    throw new ConnectError("no", Code.Aborted, { e: "3" });
  });
  for (const { protocol, method } of CALLS) {
    const { exchange } = await callOne(impl, { protocol, method });
    const all = `${exchange.log.join("\n")}\n${new TextDecoder().decode(exchange.content)}`;
    assert.match(all, /^respond .* h=1/);
    assert.match(all, /t(=2|: 2|":\["2"\])/);
    assert.match(all, /e(=3|: 3|":\["3"\])/);
    assert.equal(readAnswer(exchange, { protocol, method }).code, "aborted");
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

Deno.test("fields that cannot be sent make it internal, told once, and nothing hangs", async () => {
  const mistakes: ((context: HandlerContext) => void)[] = [
    ({ responseHeader }) => responseHeader.set("unsendable", "a"),
    ({ responseTrailer }) => responseTrailer.set("unsendable", "a"),
    () => {
      throw new ConnectError("no", Code.Aborted, { unsendable: "a" });
    },
    ({ responseHeader }) => {
      responseHeader.set("unsendable", "a");
      throw new ConnectError("no", Code.Aborted);
    },
  ];
  for (const { protocol, method } of CALLS) {
    for (const [index, mistake] of mistakes.entries()) {
      const { exchange, errors } = await callOne(each(mistake), { protocol, method });
      const { code } = readAnswer(exchange, { protocol, method });
      // What is in a content is not a field: there it can be sent.
      const isContent = index > 0 && index < 3 && (protocol === "grpc-web" || isEnveloped(protocol, method)) &&
        protocol !== "grpc";
      assert.equal(code, isContent ? (index === 1 ? "ok" : "aborted") : "internal", `${protocol} ${method} ${index}`);
      assert.equal(errors.length, isContent ? 0 : 1, `${protocol} ${method} ${index}: ${errors}`);
    }
  }
});

Deno.test("details that cannot be encoded are left out: they must not hide the error", async () => {
  const impl = each(() => {
    throw new ConnectError("no", Code.Aborted, undefined, [{ desc: SampleSchema, value: { number: 1.5 } }]);
  });
  for (const { protocol, method } of CALLS) {
    const { exchange, errors } = await callOne(impl, { protocol, method });
    assert.deepEqual(readAnswer(exchange, { protocol, method }), { messages: [], code: "aborted", message: "no" });
    assert.deepEqual(errors, []);
  }
});

Deno.test("a line break cannot be smuggled into trailers of gRPC-Web", () => {
  const headers = new Headers();
  assert.throws(() => headers.set("a", "b\r\ngrpc-status: 0"), TypeError);
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

Deno.test("the content type of the answer is that of the request, and of errors JSON's", async () => {
  for (const codec of ["proto", "json"] as const) {
    const { exchange } = await callOne(
      each(() => {
        throw new ConnectError("no", Code.NotFound);
      }),
      { protocol: "connect", codec },
    );
    assert.deepEqual(exchange.log, ["respond :status=404 content-type=application/json", "end"]);
    assert.deepEqual(exchange.content, ascii('{"code":"not_found","message":"no"}'));
  }
});

Deno.test("options that cannot be are refused at once", () => {
  for (
    const [name, value, most] of [
      ["maxMessageBytes", -1, 4294967295],
      ["maxMessageBytes", 2 ** 32, 4294967295],
      ["maxResponseBytes", 1.5, 4294967295],
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
