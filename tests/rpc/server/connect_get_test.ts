/** Connect's calls by GET: everything is in the query, and all of it may be wrong. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { ascii } from "../../support/frame_builder.ts";
import { readAnswer } from "../../support/rpc_answer.ts";
import {
  type CallOptions,
  COMPRESS,
  ECHO,
  RpcScene,
  type RpcSceneOptions,
  sampleOctets,
} from "../../support/rpc_scene.ts";
import type { ScriptedExchange } from "../../support/scripted_exchange.ts";

const encoder = new TextEncoder();

const GET = { protocol: "connect", method: "Get" } as const;
const HEAD_JSON =
  "respond :status=200 content-type=application/json vary=accept-encoding x-content-type-options=nosniff";
const HEAD_PROTO =
  "respond :status=200 content-type=application/proto vary=accept-encoding x-content-type-options=nosniff";

async function get(
  query: string,
  { fields = {}, ...options }: CallOptions & RpcSceneOptions = {},
): Promise<ScriptedExchange> {
  const scene = new RpcScene(ECHO, options);
  const exchange = scene.begin({
    ...GET,
    httpMethod: "GET",
    path: `/test.v1.Samples/Get${query}`,
    fields: { "content-type": undefined, ...fields },
  }, true);
  await exchange.ended;
  assert.deepEqual(scene.errors, []);
  return exchange;
}

async function errorOf(query: string, options?: CallOptions & RpcSceneOptions): Promise<string> {
  const { code, message } = readAnswer(await get(query, options), GET);
  return `${code} ${message}`;
}

const JSON_MESSAGE = encodeURIComponent('{"text":"a"}');

Deno.test("parameters may come in any order, and others beside them", async () => {
  const parameters = [
    "connect=v1",
    "encoding=json",
    `message=${JSON_MESSAGE}`,
    "base64=0",
    "compression=identity",
    "x=y",
  ];
  for (let turn = 0; turn < parameters.length; turn++) {
    const turned = [...parameters.slice(turn), ...parameters.slice(0, turn)];
    for (const list of [turned, turned.toReversed(), turned.filter((parameter) => /^[em]/.test(parameter))]) {
      const exchange = await get(`?${list.join("&")}`);
      assert.deepEqual(exchange.log, [HEAD_JSON, "end"], list.join("&"));
      assert.deepEqual(exchange.content, ascii('{"text":"aa"}'));
    }
  }
});

Deno.test("a message in the binary format may be in base64 of either alphabet, padded or not, or percent-encoded", async () => {
  const message = sampleOctets("proto", "a\u{3fff}>");
  const base64 = Buffer.from(message).toString("base64");
  assert.match(base64, /[+/].*=$|=.*[+/]/, "The alphabets differ in it, and it is padded");
  const unpadded = base64.replaceAll("=", "");
  const queries = [
    `base64=1&message=${encodeURIComponent(base64)}`,
    `base64=1&message=${encodeURIComponent(unpadded)}`,
    `base64=1&message=${base64.replaceAll("+", "%2b")}`,
    `base64=1&message=${base64.replaceAll("+", "-").replaceAll("/", "_")}`,
    `base64=1&message=${unpadded.replaceAll("+", "-").replaceAll("/", "_")}`,
    `message=${Array.from(message, (octet) => `%${octet.toString(16).padStart(2, "0")}`).join("")}`,
    `message=${Array.from(message, (octet) => `%${octet.toString(16).padStart(2, "0").toUpperCase()}`).join("")}`,
  ];
  for (const query of queries) {
    const exchange = await get(`?encoding=proto&${query}`);
    assert.deepEqual(exchange.log, [HEAD_PROTO, "end"]);
    assert.deepEqual(exchange.content, sampleOctets("proto", "a\u{3fff}>a\u{3fff}>"), query);
  }
});

Deno.test("a plus sign is a space, as in forms", async () => {
  const exchange = await get(`?encoding=json&message={%22text%22:+%22a+%2b%22}`);
  assert.deepEqual(exchange.content, ascii('{"text":"a +a +"}'));
});

Deno.test("an empty message is a message", async () => {
  for (const query of ["?encoding=proto&message=", "?encoding=proto&message", "?encoding=proto&base64=1&message="]) {
    assert.deepEqual((await get(query)).log, [HEAD_PROTO, "end"]);
  }
});

Deno.test("messages may be compressed", async () => {
  for (const [name, compress] of Object.entries(COMPRESS)) {
    const message = new Uint8Array(compress(ascii('{"text":"a"}'))).toBase64({ alphabet: "base64url" });
    const exchange = await get(`?encoding=json&base64=1&compression=${name}&message=${message}`);
    assert.deepEqual(exchange.content, ascii('{"text":"aa"}'), name);
  }
});

Deno.test("bombs are stopped at the limit, one octet after a message of the limit", async () => {
  const limit = 10_000;
  for (const [name, compress] of Object.entries(COMPRESS)) {
    const query = (length: number) => {
      const message = new Uint8Array(compress(encoder.encode(`{"text":"${"a".repeat(length - 11)}"}`)));
      return `?encoding=json&base64=1&compression=${name}&message=${message.toBase64({ alphabet: "base64url" })}`;
    };
    const options = { maxMessageBytes: limit, maxResponseBytes: 1e6 };
    assert.deepEqual((await get(query(limit), options)).log, [HEAD_JSON, "end"]);
    const message = `resource_exhausted message is larger than ${limit} bytes after decompression`;
    assert.equal(await errorOf(query(limit + 1), options), message);
    assert.equal(await errorOf(query(1e7), options), message);
  }
});

Deno.test("the limit holds for what is in the query, too", async () => {
  const query = (length: number) => `?encoding=json&message={"text":"${"a".repeat(length - 11)}"}`;
  assert.deepEqual((await get(query(50), { maxMessageBytes: 50, maxResponseBytes: 1000 })).log, [HEAD_JSON, "end"]);
  const error = await errorOf(query(51), { maxMessageBytes: 50 });
  assert.equal(error, "resource_exhausted message of 51 bytes is larger than the limit, 50");
});

Deno.test("what is wrong with a query is invalid_argument, and says which parameter it is", async () => {
  const message = `message=${JSON_MESSAGE}`;
  const cases: [query: string, error: RegExp | string][] = [
    ["", "encoding: is missing in the query"],
    ["?", "encoding: is missing in the query"],
    ["?encoding=json", "message: is missing in the query"],
    [`?${message}`, "encoding: is missing in the query"],
    [`?encoding=json&${message}&${message}`, "message: is in the query more than once"],
    [`?encoding=json&encoding=json&${message}`, "encoding: is in the query more than once"],
    [`?connect=v1&connect=v1&encoding=json&${message}`, "connect: is in the query more than once"],
    [`?base64=1&base64=0&encoding=json&${message}`, "base64: is in the query more than once"],
    [`?compression=gzip&compression=&encoding=json&${message}`, "compression: is in the query more than once"],
    [`?connect=v2&encoding=json&${message}`, "connect: must be v1"],
    [`?connect=&encoding=json&${message}`, "connect: must be v1"],
    [`?base64=2&encoding=json&${message}`, "base64: is neither 0 nor 1"],
    [`?base64=true&encoding=json&${message}`, "base64: is neither 0 nor 1"],
    [`?base64=&encoding=json&${message}`, "base64: is neither 0 nor 1"],
    ["?encoding=json&message=%", "message: has a % that two hexadecimal digits do not follow"],
    ["?encoding=json&message=a%2", "message: has a % that two hexadecimal digits do not follow"],
    ["?encoding=json&message=%zz", "message: has a % that two hexadecimal digits do not follow"],
    ["?encoding=json&message=%%20", "message: has a % that two hexadecimal digits do not follow"],
    ["?encoding=json&base64=%+1&message=", "base64: has a % that two hexadecimal digits do not follow"],
    ["?encoding=proto&base64=1&message=*", "message: is no base64"],
    ["?encoding=proto&base64=1&message=A", "message: is no base64"],
    ["?encoding=proto&base64=1&message=AA=A", "message: is no base64"],
    ["?encoding=proto&base64=1&message=CgFh%0A", "message: is no base64"],
    ["?encoding=proto&base64=1&message=Cg+Fh", "message: is no base64"],
    ["?encoding=proto&base64=1&message=CgFh%ff", "message: is no base64"],
    ["?encoding=json&message=", /^test\.v1\.Sample cannot be decoded: /],
    ["?encoding=json&message=%ff", /^test\.v1\.Sample cannot be decoded: /],
    ["?encoding=json&message=[]", /^test\.v1\.Sample cannot be decoded: /],
    ["?encoding=proto&message=%0a%05a", /^test\.v1\.Sample cannot be decoded: /],
    ["?encoding=json&compression=gzip&message=a", "message is not valid gzip"],
    ["?encoding=json&compression=zstd&message=a", "message is not valid zstd"],
  ];
  for (const [query, expected] of cases) {
    const { code, message, messages } = readAnswer(await get(query), GET);
    assert.deepEqual([code, messages], ["invalid_argument", []], query);
    if (typeof expected === "string") {
      assert.equal(message, expected, query);
    } else {
      assert.match(message, expected, query);
    }
  }
});

Deno.test("errors have JSON and the status of their code", async () => {
  const exchange = await get("?encoding=proto");
  assert.deepEqual(exchange.log, [
    "respond :status=400 content-type=application/json x-content-type-options=nosniff",
    "end",
  ]);
  assert.deepEqual(exchange.content, ascii('{"code":"invalid_argument","message":"message: is missing in the query"}'));
});

Deno.test("an unknown encoding gets 415, an unknown compression is unimplemented", async () => {
  for (const encoding of ["", "text", "PROTO", "proto,json", "__proto__", "json%00", "a".repeat(100)]) {
    const exchange = await get(`?encoding=${encoding}&message=${JSON_MESSAGE}`);
    assert.deepEqual(exchange.log, [
      "respond :status=415 content-type=text/plain; charset=utf-8 x-content-type-options=nosniff",
      "end",
    ], encoding);
  }
  assert.equal(
    await errorOf(`?encoding=json&compression=snappy&message=${JSON_MESSAGE}`),
    'unimplemented unknown compression "snappy": use gzip,br,zstd,deflate',
  );
});

Deno.test("the version is required when it is required", async () => {
  const query = `encoding=json&message=${JSON_MESSAGE}`;
  const options = { requireConnectProtocolHeader: true };
  assert.equal(await errorOf(`?${query}`, options), "invalid_argument connect: is missing, it must be v1");
  assert.deepEqual((await get(`?${query}&connect=v1`, options)).log, [HEAD_JSON, "end"]);
});

Deno.test("the timeout is a field", async () => {
  const query = `?encoding=json&message=${JSON_MESSAGE}`;
  const withTimeout = (value: string) => ({ fields: { "connect-timeout-ms": value } });
  assert.equal(
    await errorOf(query, withTimeout("x")),
    "invalid_argument connect-timeout-ms must be 1 to 10 digits",
  );
  assert.equal(await errorOf(query, withTimeout("0")), "deadline_exceeded the deadline has passed");
  assert.deepEqual((await get(query, withTimeout("1000"))).log, [HEAD_JSON, "end"]);
});

Deno.test("a method with side effects cannot be called by GET, nor can a stream", () => {
  const scene = new RpcScene(ECHO);
  for (const method of ["Unary", "ServerStream", "Bidi"] as const) {
    const path = `/test.v1.Samples/${method}?connect=v1&encoding=json&message=${JSON_MESSAGE}`;
    const exchange = scene.begin({ ...GET, httpMethod: "GET", path, fields: { "content-type": undefined } }, true);
    assert.deepEqual(exchange.log, [
      "respond :status=405 content-type=text/plain; charset=utf-8 x-content-type-options=nosniff allow=POST",
      "end",
    ]);
  }
});

Deno.test("the content of a GET is not the message: caches know the query only", async () => {
  const scene = new RpcScene(ECHO);
  const path = `/test.v1.Samples/Get?encoding=json&message=${JSON_MESSAGE}`;
  for (const size of [Infinity, 5]) {
    const exchange = scene.begin({ ...GET, httpMethod: "GET", path });
    exchange.push(ascii('{"text":"poison"}'), { endStream: true, size });
    await exchange.ended;
    assert.deepEqual(exchange.content, ascii('{"text":"aa"}'));
  }
});

Deno.test("the same method is called by POST, also with a query", async () => {
  const scene = new RpcScene(ECHO);
  const path = `/test.v1.Samples/Get?encoding=json&message=${JSON_MESSAGE}`;
  const exchange = await scene.call({ ...GET, codec: "json", path }, ascii('{"text":"b"}'));
  assert.deepEqual(exchange.log, ["respond :status=200 content-type=application/json", "end"]);
  assert.deepEqual(exchange.content, ascii('{"text":"bb"}'));
});

const CALL = `?connect=v1&encoding=json&message=${JSON_MESSAGE}`;
const REFUSED =
  "permission_denied sec-fetch-site: is SITE, pages of other origins may call when --cors-origin, or corsOrigins, allows theirs";

Deno.test("a page of another origin cannot make the server work by an image, a link or a fetch", async () => {
  for (const site of ["cross-site", "same-site"]) {
    for (const mode of ["no-cors", "navigate", "cors"]) {
      for (const origin of [undefined, "https://b.example", "null"]) {
        const fields = { "sec-fetch-site": site, "sec-fetch-mode": mode, origin };
        for (const corsOrigins of [undefined, [], ["https://a.example"]]) {
          const error = await errorOf(CALL, { fields, corsOrigins });
          assert.equal(error, REFUSED.replace("SITE", site), JSON.stringify({ fields, corsOrigins }));
        }
      }
    }
  }
  // What is wrong with the query is not told to it either.
  assert.match(await errorOf("?", { fields: { "sec-fetch-site": "cross-site" } }), /^permission_denied /);
});

Deno.test("pages of the server, users and programs may GET, and pages that CORS allows", async () => {
  const log = [HEAD_JSON, "end"];
  for (const site of [undefined, "same-origin", "none"]) {
    assert.deepEqual((await get(CALL, { fields: { "sec-fetch-site": site } })).log, log, `${site}`);
  }
  for (const site of ["cross-site", "same-site"]) {
    const fields = { "sec-fetch-site": site };
    const allowed = { fields: { ...fields, origin: "https://a.example" }, corsOrigins: ["https://a.example"] };
    assert.deepEqual((await get(CALL, allowed)).log, log, site);
    for (const origin of [undefined, "null", "https://b.example"]) {
      assert.deepEqual((await get(CALL, { fields: { ...fields, origin }, corsOrigins: ["*"] })).log, log, site);
    }
  }
});

Deno.test("a POST of another origin has been allowed by the browser's question, and is answered", async () => {
  const scene = new RpcScene(ECHO);
  const fields = { "sec-fetch-site": "cross-site", origin: "https://b.example" };
  const exchange = await scene.call({ ...GET, codec: "json", fields }, ascii('{"text":"b"}'));
  assert.deepEqual(exchange.content, ascii('{"text":"bb"}'));
});
