/** What requests are refused with before anything of their content is looked at: exact fields and texts. */
import assert from "node:assert/strict";
import { Greeter } from "../../../gen/edgewire/v1/greeter_pb.ts";
import type { RequestHead } from "../../../src/http/mod.ts";
import { concat } from "../../support/frame_builder.ts";
import { readAnswer } from "../../support/rpc_answer.ts";
import {
  acceptField,
  type CallOptions,
  COMPRESSION_NAMES,
  contentOf,
  ECHO,
  encodingField,
  HTTP1,
  HTTP2,
  type Protocol,
  PROTOCOLS,
  requestHead,
  RpcScene,
} from "../../support/rpc_scene.ts";
import type { ScriptedExchange } from "../../support/scripted_exchange.ts";

const UNTOUCHABLE = {
  unary: () => {
    throw new Error("The method was called");
  },
};

/** What a call without content gets. */
async function refused(options: CallOptions, scene = new RpcScene(UNTOUCHABLE)): Promise<ScriptedExchange> {
  const exchange = scene.begin(options, true);
  await exchange.ended;
  assert.deepEqual(scene.errors, []);
  return exchange;
}

function textOf(exchange: ScriptedExchange): string {
  return new TextDecoder().decode(exchange.content);
}

const UNARY_TYPES = "application/json, application/proto, ";
const STREAM_TYPES = "application/connect+json, application/connect+proto, ";
const GRPC_TYPES =
  "application/grpc+proto, application/grpc+json, application/grpc-web+proto, application/grpc-web+json";

Deno.test("content types that are no call's get 415 with those that are", async () => {
  const types: (string | undefined)[] = [
    "image/jpeg",
    "text/plain",
    "application/foo",
    "application/grpc+foo",
    "application/grpc-web-text",
    "application/connect+foo",
    "application/jsonp",
    "application/json; charset=utf-16",
    "application/json, application/json",
    "",
    undefined,
  ];
  for (const [method, types415] of [["Unary", UNARY_TYPES], ["Bidi", STREAM_TYPES]] as const) {
    for (const type of types) {
      const exchange = await refused({ method, fields: { "content-type": type } });
      assert.deepEqual(exchange.log, [
        `respond :status=415 content-type=text/plain; charset=utf-8 x-content-type-options=nosniff accept-post=${types415}${GRPC_TYPES}`,
        "end",
      ]);
      assert.equal(textOf(exchange), `Unsupported content type "${type ?? ""}": use ${types415}${GRPC_TYPES}\n`);
    }
  }
});

Deno.test("Connect's unary types are not for streams, and the other way round", async () => {
  for (const method of ["ClientStream", "ServerStream", "Bidi"] as const) {
    for (const type of ["application/proto", "application/json"]) {
      assert.match((await refused({ method, fields: { "content-type": type } })).log[0]!, /^respond :status=415 /);
    }
  }
  for (const type of ["application/connect+proto", "application/connect+json"]) {
    assert.match((await refused({ fields: { "content-type": type } })).log[0]!, /^respond :status=415 /);
  }
});

Deno.test("methods of HTTP that do not fit get 405 with those that do", async () => {
  for (const [method, allow] of [["Unary", "POST"], ["Bidi", "POST"], ["Get", "GET, POST"]] as const) {
    for (const httpMethod of method === "Get" ? ["PUT", "DELETE", "get"] : ["GET", "PUT", "post"]) {
      for (const protocol of PROTOCOLS) {
        const exchange = await refused({ protocol, method, httpMethod });
        assert.deepEqual(exchange.log, [
          `respond :status=405 content-type=text/plain; charset=utf-8 x-content-type-options=nosniff allow=${allow}`,
          "end",
        ]);
        assert.equal(textOf(exchange), `Cannot ${httpMethod} /test.v1.Samples/${method}: use ${allow}\n`);
      }
    }
  }
});

Deno.test("the answer to HEAD has no content", async () => {
  const wrong = await refused({ httpMethod: "HEAD" });
  assert.deepEqual(wrong.log, [
    "respond :status=405 content-type=text/plain; charset=utf-8 x-content-type-options=nosniff allow=POST end",
  ]);
  const unknown = await refused({ httpMethod: "HEAD", path: "/", fields: { "content-type": undefined } });
  assert.deepEqual(unknown.log, [
    "respond :status=404 content-type=text/plain; charset=utf-8 x-content-type-options=nosniff end",
  ]);
});

Deno.test("a method that nobody has is unimplemented in the way of each protocol", async () => {
  for (const path of ["/test.v1.Samples/Nothing", "/test.v1.Nothing/Unary"]) {
    for (const type of ["application/grpc", "application/grpc+json", "application/grpc-web+proto"]) {
      const exchange = await refused({ path, fields: { "content-type": type } });
      assert.deepEqual(exchange.log, [
        `respond :status=200 content-type=${type} grpc-status=12 grpc-message=no method ${path} end`,
      ]);
    }
    for (const type of ["application/json", "application/proto", "application/connect+json"]) {
      const exchange = await refused({ path, fields: { "content-type": type } });
      assert.deepEqual(exchange.log, [
        "respond :status=404 content-type=application/json x-content-type-options=nosniff",
        "end",
      ]);
      assert.deepEqual(JSON.parse(textOf(exchange)), { code: "unimplemented", message: `no method ${path}` });
    }
    const exchange = await refused({ path, fields: { "content-type": "text/html" } });
    assert.deepEqual(exchange.log, [
      "respond :status=404 content-type=text/plain; charset=utf-8 x-content-type-options=nosniff",
      "end",
    ]);
    assert.equal(textOf(exchange), `Not found: ${path}\n`);
  }
});

Deno.test("a method that the implementation lacks is unimplemented, with its name", async () => {
  const scene = new RpcScene({});
  for (const protocol of PROTOCOLS) {
    for (const method of ["Unary", "ClientStream", "ServerStream", "Bidi"] as const) {
      const exchange = await scene.call({ protocol, method }, contentOf(protocol, "proto", method, ["a"]));
      assert.deepEqual(readAnswer(exchange, { protocol, method }), {
        messages: [],
        code: "unimplemented",
        message: `test.v1.Samples.${method} is not implemented`,
      });
    }
  }
  assert.deepEqual(scene.errors, []);
});

Deno.test("paths are the method's to the letter", async () => {
  const paths = [
    "test.v1.Samples/Unary",
    "//test.v1.Samples/Unary",
    "/test.v1.Samples/Unary/",
    "/test.v1.Samples//Unary",
    "/test.v1.Samples/./Unary",
    "/x/../test.v1.Samples/Unary",
    "/test.v1.Samples/unary",
    "/TEST.V1.Samples/Unary",
    "/test.v1.Samples%2FUnary",
    "/test.v1.Samples/%55nary",
    "/test.v1.Samples/Unary#",
    "/test.v1.Samples/Unary;a",
    "/test.v1.Samples/",
    "/test.v1.Samples",
    "/__proto__/constructor",
    "/",
    "*",
    "",
  ];
  for (const path of paths) {
    for (const protocol of PROTOCOLS) {
      const exchange = await refused({ protocol, path });
      assert.match(exchange.log[0]!, protocol === "connect" ? /^respond :status=404 / : / grpc-status=12 /, path);
    }
  }
});

Deno.test("paths of gRPC have no query; those of Connect may", async () => {
  const scene = new RpcScene(ECHO);
  const path = "/test.v1.Samples/Unary?a=b";
  for (const protocol of ["grpc", "grpc-web"] as const) {
    assert.match((await refused({ protocol, path })).log[0]!, / grpc-status=12 /);
  }
  const exchange = await scene.call({ protocol: "connect", path }, contentOf("connect", "proto", "Unary", ["a"]));
  assert.match(exchange.log[0]!, /^respond :status=200 /);
});

Deno.test("gRPC gets 505 on HTTP/1.1, and 415 where there are no trailers", async () => {
  const over1 = await refused({ connection: HTTP1 });
  assert.deepEqual(over1.log, [
    "respond :status=505 content-type=text/plain; charset=utf-8 x-content-type-options=nosniff",
    "end",
  ]);
  assert.equal(textOf(over1), "gRPC needs HTTP/2: use it, or Connect or gRPC-Web\n");
  for (const connection of [HTTP1, HTTP2]) {
    const without = await refused({ connection, exchange: { canSendTrailers: false } });
    assert.deepEqual(without.log, [
      "respond :status=415 content-type=text/plain; charset=utf-8 x-content-type-options=nosniff",
      "end",
    ]);
    assert.match(textOf(without), /^gRPC needs HTTP trailers, which cannot be sent here/);
  }
});

Deno.test("Connect and gRPC-Web are answered on HTTP/1.1, and where there are no trailers", async () => {
  const scene = new RpcScene(ECHO);
  for (const protocol of ["connect", "grpc-web"] as const) {
    const options = { protocol, connection: HTTP1, exchange: { canSendTrailers: false } };
    const exchange = await scene.call(options, contentOf(protocol, "json", "Unary", []), 1);
    assert.equal(readAnswer(exchange, options).code, protocol === "connect" ? "ok" : "unimplemented");
  }
});

Deno.test("an unknown compression is unimplemented, with those that are known", async () => {
  const bare = new RpcScene(UNTOUCHABLE, { compressions: [] });
  for (const protocol of PROTOCOLS) {
    for (const method of ["Unary", "Bidi"] as const) {
      for (const encoding of ["snappy", "gzip, gzip", "", "__proto__"]) {
        const options = { protocol, method, fields: { [encodingField(protocol, method)]: encoding } };
        const exchange = await refused(options);
        const { code, message } = readAnswer(exchange, options);
        assert.deepEqual([code, message], [
          "unimplemented",
          `unknown compression "${encoding}": use ${COMPRESSION_NAMES}`,
        ]);
        assert.ok(exchange.log[0]?.includes(` ${acceptField(protocol, method)}=${COMPRESSION_NAMES}`));
        assert.equal(
          readAnswer(await refused(options, bare), options).message,
          `unknown compression "${encoding}": none is supported`,
        );
      }
    }
  }
});

Deno.test("identity is no compression", async () => {
  const scene = new RpcScene(ECHO);
  for (const protocol of PROTOCOLS) {
    const options = { protocol, fields: { [encodingField(protocol, "Unary")]: "identity" } };
    const exchange = await scene.call(options, contentOf(protocol, "proto", "Unary", ["a"]));
    assert.equal(readAnswer(exchange, options).code, "ok");
  }
});

Deno.test("what another protocol says of compression and time is not heeded", async () => {
  const scene = new RpcScene(ECHO);
  const all = {
    "grpc-encoding": "x",
    "content-encoding": "x",
    "connect-content-encoding": "x",
    "grpc-timeout": "x",
    "connect-timeout-ms": "x",
    "connect-protocol-version": "x",
  };
  for (const protocol of PROTOCOLS) {
    for (const method of ["Unary", "ClientStream"] as const) {
      const own = protocol === "connect"
        ? ["connect-timeout-ms", "connect-protocol-version", encodingField(protocol, method)]
        : ["grpc-timeout", "grpc-encoding"];
      const fields = Object.fromEntries(Object.entries(all).filter(([name]) => !own.includes(name)));
      const options = { protocol, method, fields };
      const exchange = await scene.call(options, contentOf(protocol, "proto", method, ["a"]));
      assert.equal(readAnswer(exchange, options).code, "ok", `${protocol} ${method}`);
    }
  }
});

Deno.test("bad timeouts are invalid_argument, and the method is not called", async () => {
  const cases = {
    "grpc-timeout": [
      ["", "1", "m", "1 m", " 1m", "1ms", "-1m", "+1m", "1.5S", "1e3m", "123456789m", "1h", "1s", "1M1", "١m", "0x1m"],
      "grpc-timeout must be 1 to 8 digits and one of HMSmun",
    ],
    "connect-timeout-ms": [
      ["", "-1", "+1", "1.5", "1e3", "1m", " 1", "12345678901", "٣", "0x10", "Infinity", "NaN"],
      "connect-timeout-ms must be 1 to 10 digits",
    ],
  } as const;
  for (const protocol of PROTOCOLS) {
    const field = protocol === "connect" ? "connect-timeout-ms" : "grpc-timeout";
    const [values, message] = cases[field];
    for (const value of values) {
      const options = { protocol, fields: { [field]: value } };
      assert.deepEqual(readAnswer(await refused(options), options), {
        messages: [],
        code: "invalid_argument",
        message,
      });
    }
  }
});

Deno.test("the longest timeouts are taken, and do not fire at once", async () => {
  const scene = new RpcScene({
    unary: async (_request, { timeoutMs }) => ({ text: String(await timeoutMs()! > 1e9) }),
  });
  const longest: Record<Protocol, readonly string[]> = {
    grpc: ["99999999H", "99999999M", "99999999S"],
    "grpc-web": ["99999999H"],
    connect: ["9999999999", "2147483648"],
  };
  for (const protocol of PROTOCOLS) {
    for (const value of longest[protocol]) {
      const options = { protocol, fields: { [protocol === "connect" ? "connect-timeout-ms" : "grpc-timeout"]: value } };
      const exchange = await scene.call(options, contentOf(protocol, "proto", "Unary", ["a"]));
      assert.match(readAnswer(exchange, options).messages[0]!, /true$/, value);
    }
  }
});

Deno.test("a refusal leaves nothing behind of the content that still comes", () => {
  const scene = new RpcScene(UNTOUCHABLE);
  const refusals: CallOptions[] = [
    { protocol: "grpc", fields: { "grpc-timeout": "x" } },
    { protocol: "connect", method: "Bidi", fields: { "connect-content-encoding": "x" } },
    { path: "/nothing" },
    { fields: { "content-type": "text/plain" } },
    { httpMethod: "PUT" },
  ];
  for (const options of refusals) {
    const exchange = scene.begin(options);
    assert.ok(exchange.hasEnded);
    exchange.push(new Uint8Array(1000));
    assert.equal(exchange.heldLength, 0);
    exchange.push(new Uint8Array(1000), { endStream: true });
    exchange.drop();
  }
  assert.deepEqual(scene.errors, []);
});

Deno.test("the Connect protocol's version has to be right, and to be there when that is required", async () => {
  const requiring = new RpcScene(ECHO, { requireConnectProtocolHeader: true });
  for (const method of ["Unary", "Bidi"] as const) {
    const base = { protocol: "connect", method } as const;
    const wrong = { ...base, fields: { "connect-protocol-version": "2" } };
    const message = "connect-protocol-version: must be 1";
    assert.deepEqual(readAnswer(await refused(wrong), base), { messages: [], code: "invalid_argument", message });
    assert.deepEqual(readAnswer(await refused(base, requiring), base), {
      messages: [],
      code: "invalid_argument",
      message: "connect-protocol-version: is missing, it must be 1",
    });
    const right = { ...base, fields: { "connect-protocol-version": "1" } };
    const exchange = await requiring.call(right, contentOf("connect", "proto", method, ["a"]));
    assert.equal(readAnswer(exchange, base).code, "ok");
  }
});

Deno.test("isCall() tells calls from pages: by path, and by gRPC's content types", () => {
  const { handler } = new RpcScene(ECHO, {
    routes: (router) => router.service(Greeter, {}),
  });
  const page = { fields: { "content-type": undefined }, httpMethod: "GET" };
  const cases: [CallOptions, boolean][] = [
    [{ ...page, path: "/edgewire.v1.Greeter/SayHello" }, true],
    [{ ...page, path: "/edgewire.v1.Greeter/SayHello?message=" }, true],
    [{ ...page, path: "/edgewire.v1.Greeter/Nothing" }, true],
    [{ ...page, path: "/edgewire.v1.Greeter" }, false],
    [{ ...page, path: "/edgewire.v1.Greeters/SayHello" }, false],
    [{ ...page, path: "/" }, false],
    [{ ...page, path: "" }, false],
    [{ ...page, path: "*" }, false],
    [{ path: "/", fields: { "content-type": "application/grpc" } }, true],
    [{ path: "/", fields: { "content-type": "application/grpc-web+json" } }, true],
    [{ path: "/", fields: { "content-type": "application/json" } }, false],
  ];
  for (const [options, expected] of cases) {
    assert.equal(handler.isCall(requestHead(options)), expected, JSON.stringify(options));
  }
});

Deno.test("of several fields with compressions the first counts", async () => {
  const scene = new RpcScene(ECHO, { compressMinBytes: 0 });
  const long = "a".repeat(60);
  for (const protocol of PROTOCOLS) {
    for (const method of ["Unary", "ServerStream"] as const) {
      const options = { protocol, method, fields: { [acceptField(protocol, method)]: ["br", "snappy"] } };
      const exchange = await scene.call(options, contentOf(protocol, "proto", method, [long]));
      assert.ok(exchange.log[0]!.includes(` ${encodingField(protocol, method)}=br`), exchange.log.join("\n"));
    }
  }
});

Deno.test("what was asked for is not in the way of the next call", async () => {
  const scene = new RpcScene(ECHO);
  const options = { protocol: "grpc-web" } as const;
  const request = contentOf("grpc-web", "proto", "Unary", ["a"]);
  const first = await scene.call(options, request);
  const broken = await scene.call(options, concat(request, request));
  const second = await scene.call(options, request);
  assert.equal(readAnswer(broken, options).code, "unimplemented");
  assert.deepEqual(second.content, first.content);
});

Deno.test("calls that share a head are planned once, and those that are refused each time", async () => {
  const scene = new RpcScene(ECHO);
  const answerTo = async (options: CallOptions, head: RequestHead, of = scene) => {
    const exchange = of.begin(options, false, head);
    exchange.push(contentOf("grpc", "proto", "Unary", ["a"]), { endStream: true });
    await exchange.ended;
    return exchange;
  };
  for (const options of [{}, { fields: { "grpc-timeout": "1S" } }, { fields: { "grpc-encoding": "snappy" } }]) {
    const head = requestHead(options);
    const first = await answerTo(options, head);
    const planned = head.memo;
    const second = await answerTo(options, head);
    assert.equal(head.memo, planned);
    assert.equal(planned === undefined, options.fields !== undefined && "grpc-encoding" in options.fields);
    assert.deepEqual(second.log, first.log);
    assert.deepEqual(second.content, first.content);
  }
});

Deno.test("what one server has made of a head is not another's", async () => {
  const head = requestHead();
  for (const word of ["one", "another", "one"]) {
    const exchange = new RpcScene({ unary: () => ({ text: word }) }).begin({}, false, head);
    exchange.push(contentOf("grpc", "proto", "Unary", ["a"]), { endStream: true });
    await exchange.ended;
    assert.deepEqual(readAnswer(exchange).messages, ["\n" + String.fromCharCode(word.length) + word]);
  }
});
