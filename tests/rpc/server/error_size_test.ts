/** Errors that are larger than a client should get: texts, details and metadata, on both sides of each limit, in every protocol. */
import { type BytesValue, BytesValueSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { errorOfStatus } from "../../../src/rpc/grpc_status.ts";
import { readAnswer } from "../../support/rpc_answer.ts";
import {
  callOne,
  type CallOptions,
  CALLS,
  each,
  ECHO,
  type Impl,
  isEnveloped,
  PROTOCOLS,
  RpcScene,
  type RpcSceneOptions,
} from "../../support/rpc_scene.ts";
import { resolveErrorLimits } from "../../../src/rpc/error_limits.ts";

/** Bytes that no answer to one error exceeds. */
const MAX_ANSWER_BYTES = 3 * 1024;

function failing(error: () => unknown): Impl {
  return each(() => {
    throw error();
  });
}

/** The answer to an error, and how large all of it is. */
async function answerTo(impl: Impl, options: CallOptions, server: RpcSceneOptions = {}) {
  const { exchange, errors } = await callOne(impl, options, server);
  const size = exchange.log.join().length + exchange.content.length;
  return { ...readAnswer(exchange, options), size, errors, all: exchange.log.join() + text(exchange.content) };
}

function text(octets: Uint8Array): string {
  return new TextDecoder().decode(octets);
}

Deno.test("texts are cut to about a KiB as they are encoded, and the code stays", async () => {
  for (const { protocol, method } of CALLS) {
    for (const character of ["a", "é", "字", "😀", "\n", "%", '"', "\ud800"]) {
      const answer = await answerTo(
        failing(() => new ConnectError(character.repeat(100_000), Code.Aborted)),
        { protocol, method },
      );
      assert.equal(answer.code, "aborted", `${protocol} ${method}`);
      assert.ok(answer.message.endsWith("... (cut)"), answer.message);
      assert.ok(answer.size < 1024 + 200, `${answer.size} bytes`);
    }
  }
});

Deno.test("a text on both sides of its limit", async () => {
  for (const { protocol, method } of CALLS) {
    const messageOf = async (length: number, server: RpcSceneOptions = {}) =>
      (await answerTo(failing(() => new ConnectError("a".repeat(length), Code.Aborted)), { protocol, method }, server))
        .message;
    assert.equal(await messageOf(1024), "a".repeat(1024));
    assert.equal(await messageOf(1025), `${"a".repeat(1015)}... (cut)`);
    const server = { errorLimits: { maxTextBytes: 200 } };
    assert.equal(await messageOf(200, server), "a".repeat(200));
    assert.equal(await messageOf(201, server), `${"a".repeat(191)}... (cut)`);
  }
});

Deno.test("a request that cannot be decoded does not come back in its error", async () => {
  for (const { protocol, method } of CALLS) {
    const scene = new RpcScene(ECHO);
    const json = new TextEncoder().encode(`{"number":"${"字".repeat(20_000)}"}`);
    const content = isEnveloped(protocol, method) ? enveloped(json) : json;
    const exchange = await scene.call({ protocol, method, codec: "json" }, content);
    assert.equal(readAnswer(exchange, { protocol, method }).code, "invalid_argument");
    assert.ok(exchange.log.join().length + exchange.content.length < MAX_ANSWER_BYTES);
    assert.deepEqual(scene.errors, []);
  }
});

function enveloped(content: Uint8Array): Uint8Array {
  const octets = new Uint8Array(5 + content.length);
  new DataView(octets.buffer).setUint32(1, content.length);
  octets.set(content, 5);
  return octets;
}

Deno.test("names and values of a head do not come back in what is said of them", async () => {
  const long = "a".repeat(60_000);
  for (const protocol of PROTOCOLS) {
    const heads: CallOptions[] = [
      { protocol, fields: { [protocol === "connect" ? "content-encoding" : "grpc-encoding"]: long } },
      { protocol, fields: { [`${long}-bin`]: "!" } },
      { protocol, fields: { "content-type": `application/${long}` } },
      { protocol, path: `/${long}` },
      { protocol, path: `/${long}`, fields: { "content-type": `application/grpc+${long}` } },
      { protocol, path: `/${long}`, fields: { "content-type": `application/json;${long}` } },
      { protocol, httpMethod: long },
    ];
    for (const head of heads) {
      const exchange = new RpcScene(ECHO).begin(head, true);
      await exchange.ended;
      const length = exchange.log.join().length + exchange.content.length;
      assert.ok(length < MAX_ANSWER_BYTES, `${length} bytes: ${exchange.log.join().slice(0, 300)}`);
    }
  }
});

function details(count: number, bytes: number): { desc: typeof BytesValueSchema; value: Partial<BytesValue> }[] {
  return Array.from({ length: count }, () => ({ desc: BytesValueSchema, value: { value: new Uint8Array(bytes) } }));
}

Deno.test("with too many details, or too large ones, none is sent, and the text says so", async () => {
  const NAME = "google.protobuf.BytesValue".length;
  // A tag and a length of two bytes come before the bytes.
  const fitting = 16_384 - NAME - 3;
  const cases: [number, number, string][] = [
    [32, 10, ""],
    [33, 10, " (33 details left out, the limit is 32)"],
    [1, fitting, ""],
    [1, fitting + 1, " (details left out, they are larger than 16384 bytes)"],
    [4, 5000, " (details left out, they are larger than 16384 bytes)"],
    [100_000, 10, " (100000 details left out, the limit is 32)"],
  ];
  for (const { protocol, method } of CALLS) {
    for (const [count, bytes, note] of cases) {
      const answer = await answerTo(
        failing(() => new ConnectError("no", Code.Aborted, undefined, details(count, bytes))),
        { protocol, method },
      );
      assert.deepEqual([answer.code, answer.message], ["aborted", `no${note}`], `${protocol} ${method}`);
      const hasDetails = /grpc-status-details-bin|"details"/.test(answer.all);
      assert.equal(hasDetails, note === "");
      assert.ok(answer.size < (note === "" ? 64_000 : MAX_ANSWER_BYTES));
    }
    const none = { errorLimits: { maxDetails: 0 } };
    const one = failing(() => new ConnectError("no", Code.Aborted, undefined, details(1, 1)));
    assert.equal((await answerTo(one, { protocol, method }, none)).message, "no (1 details left out, the limit is 0)");
  }
});

Deno.test("the note stays when the text is cut", async () => {
  for (const { protocol, method } of CALLS) {
    const error = () => new ConnectError("a".repeat(5000), Code.Aborted, undefined, details(33, 1));
    const { message } = await answerTo(failing(error), { protocol, method });
    assert.match(message, /^a+\.\.\. \(cut\) \(33 details left out, the limit is 32\)$/);
    assert.ok(message.length <= 1024);
  }
});

/** What gives so much metadata, and where. */
const METADATA: readonly ((context: HandlerContext, value: string) => Headers)[] = [
  ({ responseHeader }, value) => (responseHeader.set("x-large", value), new Headers()),
  ({ responseTrailer }, value) => (responseTrailer.set("x-large", value), new Headers()),
  (_context, value) => new Headers({ "x-large": value }),
];

Deno.test("an error with too much metadata keeps its code and its text, and says what is missing", async () => {
  for (const { protocol, method } of CALLS) {
    for (const [index, give] of METADATA.entries()) {
      for (const length of [60_000, 1_000_000]) {
        const impl = each((context) => {
          throw new ConnectError("no", Code.Aborted, give(context, "x".repeat(length)), details(1, 1));
        });
        const answer = await answerTo(impl, { protocol, method });
        const where = `${protocol} ${method} ${index} ${length}`;
        assert.equal(answer.code, "aborted", where);
        assert.match(
          answer.message,
          length === 60_000 ? /^no$/ : /^no \(details and metadata left out: 1000\d\d\d bytes, the limit is 65536\)$/,
          where,
        );
        assert.equal(answer.all.includes("x-large"), length === 60_000, where);
        assert.deepEqual(answer.errors, [], where);
      }
    }
  }
});

Deno.test("an answer with too much metadata fails: it is part of what the method gives", async () => {
  for (const { protocol, method } of CALLS) {
    for (const give of METADATA.slice(0, 2)) {
      for (const length of [60_000, 1_000_000]) {
        const impl = each((context) => void give(context, "x".repeat(length)));
        const answer = await answerTo(impl, { protocol, method });
        if (length === 60_000) {
          assert.equal(answer.code, "ok");
          assert.ok(answer.all.includes("x-large"));
        } else {
          assert.equal(answer.code, "resource_exhausted");
          assert.match(answer.message, /^response metadata of 1000\d\d\d bytes is larger than the limit, 65536$/);
          assert.ok(!answer.all.includes("x-large"));
        }
        assert.deepEqual(answer.errors, []);
      }
    }
  }
});

Deno.test("metadata on both sides of its limit", async () => {
  for (const { protocol, method } of CALLS) {
    const error = (length: number) => () => new ConnectError("no", Code.Aborted, { "x": "y".repeat(length) });
    const answerOf = (length: number) =>
      answerTo(failing(error(length)), { protocol, method }, { errorLimits: { maxMetadataBytes: 1000 } });
    let longest = 0;
    for (let length = 1000; length > 0 && longest === 0; length--) {
      longest = (await answerOf(length)).message === "no" ? length : 0;
    }
    assert.ok(longest > 700 && longest <= 1000 - 33, `${protocol} ${method} ${longest}`);
    const { message } = await answerOf(longest + 1);
    assert.equal(message, "no (details and metadata left out: 1001 bytes, the limit is 1000)");
  }
});

Deno.test("fields of metadata on both sides of their limit", async () => {
  for (const { protocol, method } of CALLS) {
    const error = (count: number) => () =>
      new ConnectError(
        "no",
        Code.Aborted,
        Object.fromEntries(Array.from({ length: count }, (_, index) => [`x-${index}`, "a"])),
      );
    const messageOf = async (count: number) => (await answerTo(failing(error(count)), { protocol, method })).message;
    assert.equal(await messageOf(115), "no");
    assert.match(await messageOf(121), /^no \(details and metadata left out: 12\d fields, the limit is 120\)$/);
  }
});

Deno.test("what the peer takes of a head or of trailers holds, down to a status alone", async () => {
  const large = () =>
    new ConnectError("a".repeat(5000), Code.Aborted, { "x-large": "x".repeat(5000) }, details(3, 3000));
  for (const { protocol, method } of CALLS) {
    for (const maxFieldSectionSize of [100_000, 10_000, 2000, 256]) {
      const { exchange, errors } = await callOne(failing(large), {
        protocol,
        method,
        exchange: { maxFieldSectionSize },
      });
      const { code, message } = readAnswer(exchange, { protocol, method });
      assert.equal(code, "aborted", `${protocol} ${method} ${maxFieldSectionSize}: ${exchange.log}`);
      const isContent = protocol !== "grpc";
      assert.equal(message === "", maxFieldSectionSize === 256 && !isContent);
      assert.deepEqual(errors, []);
    }
    // A peer that takes not even that is reset.
    const { exchange } = await callOne(failing(large), { protocol, method, exchange: { maxFieldSectionSize: 41 } });
    assert.deepEqual(exchange.log, ["reset 2"]);
  }
});

Deno.test("what is no call is answered by a peer's means, too", async () => {
  for (const options of [{ path: "/a.B/C" }, { fields: { "content-type": "text/x" } }, { httpMethod: "PUT" }]) {
    for (const [maxFieldSectionSize, pattern] of [[256, /^respond :status=\d+/], [41, /^reset 2$/]] as const) {
      const exchange = new RpcScene(ECHO).begin({ ...options, exchange: { maxFieldSectionSize } }, true);
      await exchange.ended;
      assert.match(exchange.log[0]!, pattern);
    }
  }
});

Deno.test("limits on both sides of their ranges", () => {
  for (
    const [name, min] of [["maxTextBytes", 128], ["maxDetails", 0], ["maxDetailBytes", 0], [
      "maxMetadataBytes",
      0,
    ], ["maxMetadataFields", 0]] as const
  ) {
    assert.equal(resolveErrorLimits({ [name]: min })[name], min);
    assert.throws(() => resolveErrorLimits({ [name]: min - 1 }), new RegExp(`Cannot set the limit ${name} to`));
    assert.throws(() => new RpcScene(ECHO, { errorLimits: { [name]: 1.5 } }), RangeError);
  }
});

Deno.test("texts of a server without limits are cut where they become errors", () => {
  const fields = [
    { name: "grpc-status", value: "10" },
    { name: "grpc-message", value: "a".repeat(100_000) },
  ];
  const error = errorOfStatus(fields);
  assert.ok(error instanceof ConnectError);
  assert.equal(error.rawMessage, `${"a".repeat(1015)}... (cut)`);
});
