/** Calls that go well: each protocol, codec and kind of method, whole and octet by octet. What is answered is compared to the octet. */
import assert from "node:assert/strict";
import { concat } from "../../support/frame_builder.ts";
import {
  CODECS,
  contentOf,
  contentType,
  ECHO,
  envelope,
  isEnveloped,
  type Method,
  METHODS,
  type Protocol,
  PROTOCOLS,
  RpcScene,
} from "../../support/rpc_scene.ts";
import { ascii } from "../../support/frame_builder.ts";

/** What `ECHO` answers to "ab", or to "ab", "" and "c". */
const ANSWERS: Readonly<
  Record<Method, { readonly requests: readonly string[]; readonly responses: readonly string[] }>
> = {
  Get: { requests: ["ab"], responses: ["abab"] },
  Unary: { requests: ["ab"], responses: ["abab"] },
  ClientStream: { requests: ["ab", "", "c"], responses: ["abcabc"] },
  ServerStream: { requests: ["ab"], responses: ["ab", "ab"] },
  Bidi: { requests: ["ab", "", "c"], responses: ["abab", "", "cc"] },
};

/** How an answer of a protocol begins, and what comes after its messages. */
function frameOf(protocol: Protocol, type: string, method: Method): { log: string[]; tail: Uint8Array } {
  const head = `respond :status=200 content-type=${type}`;
  if (protocol === "grpc") {
    return { log: [head, "trailers grpc-status=0"], tail: new Uint8Array(0) };
  }
  const tail = protocol === "grpc-web"
    ? envelope(ascii("grpc-status: 0\r\n"), 0x80)
    : isEnveloped(protocol, method)
    ? envelope(ascii("{}"), 0x02)
    : new Uint8Array(0);
  return { log: [head, "end"], tail };
}

for (const protocol of PROTOCOLS) {
  for (const codec of CODECS) {
    for (const method of METHODS) {
      Deno.test(`${protocol}, ${codec}, ${method}: whole, in halves and octet by octet`, async () => {
        const scene = new RpcScene(ECHO);
        const { requests, responses } = ANSWERS[method];
        const request = contentOf(protocol, codec, method, requests);
        const { log, tail } = frameOf(protocol, contentType(protocol, codec, method), method);
        const content = concat(contentOf(protocol, codec, method, responses), tail);
        for (const size of [Infinity, Math.ceil(request.length / 2), 7, 1]) {
          for (const reserves of [true, false]) {
            const exchange = await scene.call({ protocol, codec, method, exchange: { reserves } }, request, size);
            assert.deepEqual(exchange.log, log);
            assert.deepEqual(exchange.content, content);
          }
        }
        assert.deepEqual(scene.errors, []);
      });
    }
  }
}

Deno.test("content types without a suffix and with parameters are taken, and answered without", async () => {
  const scene = new RpcScene(ECHO);
  const types = [
    ["application/grpc", "application/grpc"],
    ["application/grpc; charset=utf-8", "application/grpc"],
    ["application/grpc-web", "application/grpc-web"],
    ["Application/GRPC+Proto ;a=b", "application/grpc+proto"],
    ["application/grpc-web+proto;charset=UTF-8", "application/grpc-web+proto"],
  ] as const;
  for (const [asked, answered] of types) {
    const protocol = answered.includes("web") ? "grpc-web" : "grpc";
    const exchange = await scene.call(
      { protocol, fields: { "content-type": asked } },
      contentOf(protocol, "proto", "Unary", ["a"]),
    );
    const { log, tail } = frameOf(protocol, answered, "Unary");
    assert.deepEqual(exchange.log, log, asked);
    assert.deepEqual(exchange.content, concat(contentOf(protocol, "proto", "Unary", ["aa"]), tail));
  }
  for (const type of ["application/json; charset=utf-8", 'application/json;charset="UTF-8"', "APPLICATION/json"]) {
    const exchange = await scene.call({ protocol: "connect", fields: { "content-type": type } }, ascii('{"text":"a"}'));
    assert.deepEqual(exchange.log, frameOf("connect", "application/json", "Unary").log, type);
    assert.deepEqual(exchange.content, ascii('{"text":"aa"}'));
  }
});

Deno.test("messages of no octets are messages", async () => {
  const scene = new RpcScene(ECHO);
  for (const protocol of PROTOCOLS) {
    const exchange = await scene.call({ protocol }, contentOf(protocol, "proto", "Unary", [""]));
    assert.deepEqual(exchange.log, frameOf(protocol, contentType(protocol, "proto", "Unary"), "Unary").log);
  }
  const bodyless = scene.begin({ protocol: "connect" }, true);
  await bodyless.ended;
  assert.deepEqual(bodyless.log, frameOf("connect", "application/proto", "Unary").log);
});

Deno.test("a request may end after its content: with nothing more, or with trailers", async () => {
  const scene = new RpcScene(ECHO);
  for (const protocol of PROTOCOLS) {
    for (const method of METHODS) {
      const { requests, responses } = ANSWERS[method];
      const { log, tail } = frameOf(protocol, contentType(protocol, "proto", method), method);
      for (const end of ["data", "trailers"]) {
        const exchange = scene.begin({ protocol, method });
        exchange.push(contentOf(protocol, "proto", method, requests));
        if (end === "data") {
          exchange.push(new Uint8Array(0), { endStream: true });
        } else {
          exchange.pushTrailers([{ name: "a", value: "b" }]);
        }
        await exchange.ended;
        assert.deepEqual(exchange.log, log);
        assert.deepEqual(exchange.content, concat(contentOf(protocol, "proto", method, responses), tail));
        assert.equal(exchange.heldLength, 0);
      }
    }
  }
});
