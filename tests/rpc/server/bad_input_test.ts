/** Requests whose content is wrong: each gets the right code, is answered at once, and leaves nothing behind. */
import assert from "node:assert/strict";
import type { Compression } from "../../../src/rpc/mod.ts";
import { ascii, concat } from "../../support/frame_builder.ts";
import { type Answer, readAnswer } from "../../support/rpc_answer.ts";
import {
  type CallOptions,
  CODECS,
  COMPRESS,
  contentOf,
  ECHO,
  encodingField,
  envelope,
  isEnveloped,
  METHODS,
  PROTOCOLS,
  RpcScene,
  type RpcSceneOptions,
  sampleOctets,
} from "../../support/rpc_scene.ts";

const encoder = new TextEncoder();

/** What a request gets, given whole and octet by octet: the same. */
async function answerTo(options: CallOptions, content: Uint8Array, server: RpcSceneOptions = {}): Promise<Answer> {
  const scene = new RpcScene(ECHO, server);
  const sizes = content.length < 1000 ? [Infinity, 1] : [Infinity];
  const answers: Answer[] = [];
  for (const size of sizes) {
    const exchange = await scene.call(options, content, size);
    answers.push(readAnswer(exchange, options));
  }
  assert.deepEqual(answers.at(-1), answers[0], "How it is cut does not matter");
  assert.deepEqual(scene.errors, []);
  return answers[0]!;
}

async function wantError(
  options: CallOptions,
  content: Uint8Array,
  error: string,
  server?: RpcSceneOptions,
): Promise<void> {
  const { code, message } = await answerTo(options, content, server);
  assert.equal(`${code}: ${message}`, error, JSON.stringify(options));
}

/** All that has envelopes. */
const ENVELOPED = PROTOCOLS.flatMap((protocol) => METHODS.map((method) => ({ protocol, method })))
  .filter(({ protocol, method }) => isEnveloped(protocol, method));

Deno.test("flags that requests cannot have are invalid_argument", async () => {
  for (const options of ENVELOPED) {
    for (const flags of [2, 3, 4, 0x10, 0x80, 0x81, 0xff]) {
      const error = `invalid_argument: envelope has flags that requests cannot have: ${flags}`;
      await wantError(options, envelope(sampleOctets("proto", "a"), flags), error);
      await wantError(options, envelope(new Uint8Array(0), flags), error);
    }
  }
});

Deno.test("a length above the limit is refused before anything of the message is there", async () => {
  for (const options of ENVELOPED) {
    for (const length of [1001, 0x7fffffff, 0x80000000, 0xffffffff]) {
      const scene = new RpcScene(ECHO, { maxMessageBytes: 1000 });
      const exchange = scene.begin(options);
      exchange.push(envelope(new Uint8Array(0), 0, length), { size: 2 });
      await exchange.ended;
      const { code, message } = readAnswer(exchange, options);
      assert.equal(
        `${code}: ${message}`,
        `resource_exhausted: message of ${length} bytes is larger than the limit, 1000`,
      );
      exchange.push(new Uint8Array(5000));
      assert.equal(exchange.heldLength, 0);
    }
  }
});

Deno.test("what was only announced costs no memory", async () => {
  const scene = new RpcScene(ECHO);
  const before = Deno.memoryUsage();
  const exchanges = ENVELOPED.flatMap((options) =>
    Array.from({ length: 100 }, () => {
      const exchange = scene.begin(options);
      exchange.push(envelope(ascii("a"), 0, 4 << 20));
      return exchange;
    })
  );
  const after = Deno.memoryUsage();
  assert.ok(after.external - before.external < 64 << 20, "1,100 messages of 4 MiB have not been given room");
  exchanges.forEach((exchange) => exchange.drop());
  await Promise.all(exchanges.map(({ ended }) => ended));
});

Deno.test("a message of the limit passes, one of an octet more does not, whichever way it comes", async () => {
  const limit = 120;
  const server = { maxMessageBytes: limit, maxResponseBytes: 1000 };
  for (const protocol of PROTOCOLS) {
    for (const codec of CODECS) {
      for (const method of METHODS) {
        const options = { protocol, codec, method };
        const overhead = sampleOctets(codec, "a").length - 1;
        const content = (length: number) => contentOf(protocol, codec, method, ["a".repeat(length - overhead)]);
        assert.equal((await answerTo(options, content(limit), server)).code, "ok");
        const what = isEnveloped(protocol, method) ? `message of ${limit + 1} bytes` : "message";
        await wantError(
          options,
          content(limit + 1),
          `resource_exhausted: ${what} is larger than the limit, ${limit}`,
          server,
        );
      }
    }
  }
});

Deno.test("a limit of nothing takes messages of nothing", async () => {
  const server = { maxMessageBytes: 0, maxResponseBytes: 0 };
  for (const protocol of PROTOCOLS) {
    const options = { protocol };
    assert.equal((await answerTo(options, contentOf(protocol, "proto", "Unary", [""]), server)).code, "ok");
    const { code } = await answerTo(options, contentOf(protocol, "proto", "Unary", ["a"]), server);
    assert.equal(code, "resource_exhausted");
  }
});

Deno.test("the limit holds after decompression, too, and bombs are stopped there", async () => {
  const limit = 10_000;
  const server = { maxMessageBytes: limit, maxResponseBytes: 1e6 };
  for (const [name, compress] of Object.entries(COMPRESS)) {
    for (const protocol of PROTOCOLS) {
      for (const method of METHODS) {
        const options = {
          protocol,
          codec: "json",
          method,
          fields: { [encodingField(protocol, method)]: name },
        } as const;
        const content = (length: number) => {
          const message = compress(encoder.encode(`{"text":"${"a".repeat(length - 11)}"}`));
          return isEnveloped(protocol, method) ? envelope(message, 1) : message;
        };
        assert.equal((await answerTo(options, content(limit), server)).code, "ok");
        const error = `resource_exhausted: message is larger than ${limit} bytes after decompression`;
        await wantError(options, content(limit + 1), error, server);
        await wantError(options, content(1e6), error, server);
      }
    }
  }
});

Deno.test("what is compressed and cannot be decompressed is invalid_argument", async () => {
  for (const [name, compress] of Object.entries(COMPRESS)) {
    const whole = compress(encoder.encode(`{"text":"${"abc".repeat(9)}"}`));
    for (const protocol of PROTOCOLS) {
      for (const method of METHODS) {
        const options = {
          protocol,
          codec: "json",
          method,
          fields: { [encodingField(protocol, method)]: name },
        } as const;
        for (const damaged of [ascii('{"text":"a"}'), whole.subarray(0, -1), whole.subarray(1)]) {
          const content = isEnveloped(protocol, method) ? envelope(damaged, 1) : damaged;
          await wantError(options, content, `invalid_argument: message is not valid ${name}`);
        }
      }
    }
  }
});

Deno.test("messages in envelopes may be compressed or not as they like, and so may those of no octets", async () => {
  for (const [name, compress] of Object.entries(COMPRESS)) {
    for (const { protocol, method } of ENVELOPED) {
      const options = { protocol, method, fields: { [encodingField(protocol, method)]: name } };
      const message = sampleOctets("proto", "a");
      const contents = [envelope(message), envelope(compress(message), 1), envelope(new Uint8Array(0), 1)];
      for (const content of contents) {
        assert.equal((await answerTo(options, content)).code, "ok");
      }
      if (method === "Bidi") {
        const { messages } = await answerTo(options, concat(...contents));
        assert.deepEqual(messages, ["\n\x02aa", "\n\x02aa", ""]);
      }
    }
  }
});

Deno.test("the compressed flag without a compression is internal", async () => {
  for (const { protocol, method } of ENVELOPED) {
    for (const encoding of ["identity", undefined]) {
      const options = { protocol, method, fields: { [encodingField(protocol, method)]: encoding } };
      const error = "internal: message is compressed, and the request does not say how";
      await wantError(options, envelope(sampleOctets("proto", "a"), 1), error);
      await wantError(options, envelope(new Uint8Array(0), 1), error);
    }
  }
});

Deno.test("no message, or two, are unimplemented where there has to be one", async () => {
  for (const protocol of PROTOCOLS) {
    for (const method of ["Unary", "ServerStream"] as const) {
      if (!isEnveloped(protocol, method)) {
        continue;
      }
      const options = { protocol, method };
      const two = contentOf(protocol, "proto", method, ["a", "b"]);
      await wantError(options, new Uint8Array(0), "unimplemented: no message where there has to be one");
      await wantError(options, two, "unimplemented: more than one message where there has to be one");
      const scene = new RpcScene(ECHO);
      const bodyless = scene.begin(options, true);
      assert.equal(readAnswer(bodyless, options).message, "no message where there has to be one");
      const apart = scene.begin(options);
      apart.push(two.subarray(0, two.length / 2));
      assert.equal(apart.hasEnded, false);
      apart.push(two.subarray(two.length / 2));
      assert.equal(readAnswer(apart, options).code, "unimplemented", "Answered before the request has ended");
      assert.equal(apart.heldLength, 0);
    }
  }
});

Deno.test("streams of no messages are streams", async () => {
  for (const protocol of PROTOCOLS) {
    for (const method of ["ClientStream", "Bidi"] as const) {
      const options = { protocol, method };
      const messages = method === "Bidi" ? [] : [""];
      assert.deepEqual(await answerTo(options, new Uint8Array(0)), { messages, code: "ok", message: "" });
      const bodyless = new RpcScene(ECHO).begin(options, true);
      await bodyless.ended;
      assert.deepEqual(readAnswer(bodyless, options), { messages, code: "ok", message: "" });
    }
  }
});

Deno.test("a request that ends within an envelope is invalid_argument", async () => {
  const error = "invalid_argument: message is cut short: the request ended within it";
  for (const options of ENVELOPED) {
    const whole = envelope(sampleOctets("proto", "abc"));
    for (let length = 1; length < whole.length; length++) {
      await wantError(options, whole.subarray(0, length), error);
    }
    await wantError(options, concat(whole, new Uint8Array(1)), error);
  }
});

Deno.test("messages before the one that is wrong are the handler's", async () => {
  const broken: [Uint8Array, string][] = [
    [envelope(ascii("x"), 0), "invalid_argument"],
    [envelope(new Uint8Array(0), 9), "invalid_argument"],
    [envelope(new Uint8Array(0), 1), "internal"],
    [envelope(new Uint8Array(0), 0, 0xffffffff), "resource_exhausted"],
    [new Uint8Array(4), "invalid_argument"],
  ];
  for (const protocol of PROTOCOLS) {
    const options = { protocol, method: "Bidi" } as const;
    for (const [wrong, code] of broken) {
      const content = concat(contentOf(protocol, "proto", "Bidi", ["a", "b"]), wrong);
      const answer = await answerTo(options, content);
      assert.deepEqual([answer.messages, answer.code], [["\n\x02aa", "\n\x02bb"], code]);
    }
  }
});

Deno.test("a handler may make of a broken request what it likes", async () => {
  const scene = new RpcScene({
    async clientStream(requests) {
      const texts: string[] = [];
      try {
        for await (const { text } of requests) {
          texts.push(text);
        }
      } catch (error) {
        texts.push(String(error));
      }
      return { text: texts.join() };
    },
  });
  const options = { method: "ClientStream", codec: "json" } as const;
  const exchange = await scene.call(
    options,
    concat(contentOf("grpc", "json", "ClientStream", ["a"]), new Uint8Array(3)),
  );
  const text = "a,ConnectError: [invalid_argument] message is cut short: the request ended within it";
  assert.deepEqual(readAnswer(exchange).messages, [JSON.stringify({ text })]);
});

Deno.test("a stream is answered at once when a message of it is too large, while the request goes on", async () => {
  for (const protocol of PROTOCOLS) {
    const options = { protocol, method: "ClientStream" } as const;
    const scene = new RpcScene(ECHO, { maxMessageBytes: 100 });
    const exchange = scene.begin(options);
    exchange.push(contentOf(protocol, "proto", "ClientStream", ["a", "b"]));
    exchange.push(envelope(new Uint8Array(0), 0, 101));
    await exchange.ended;
    assert.equal(readAnswer(exchange, options).code, "resource_exhausted");
    for (let count = 0; count < 10; count++) {
      exchange.push(new Uint8Array(10_000).fill(0xff));
    }
    exchange.push(new Uint8Array(0), { endStream: true });
    assert.equal(exchange.heldLength, 0);
  }
});

Deno.test("a content that is too large is answered at once, and dropped from there on", () => {
  const options = { protocol: "connect" } as const;
  const scene = new RpcScene(ECHO, { maxMessageBytes: 100 });
  const exchange = scene.begin(options);
  exchange.push(new Uint8Array(100));
  assert.equal(exchange.hasEnded, false);
  exchange.push(new Uint8Array(1));
  const { code, message } = readAnswer(exchange, options);
  assert.equal(`${code}: ${message}`, "resource_exhausted: message is larger than the limit, 100");
  exchange.push(new Uint8Array(1e6));
  assert.equal(exchange.heldLength, 0);
});

/** Of protobuf: field 4, `child`, nested. */
function nestedProto(depth: number): Uint8Array {
  let octets: Uint8Array = new Uint8Array(0);
  for (let level = 0; level < depth; level++) {
    const length: number[] = [];
    for (let rest = octets.length; rest > 0 || length.length === 0; rest >>= 7) {
      length.push(rest & 0x7f | (rest > 0x7f ? 0x80 : 0));
    }
    octets = concat(new Uint8Array([0x22, ...length]), octets);
  }
  return octets;
}

Deno.test("messages are nested up to 100 deep, not deeper, in both formats", async () => {
  const nestedJson = (depth: number) => ascii(`${'{"child":'.repeat(depth)}{}${"}".repeat(depth)}`);
  for (const protocol of PROTOCOLS) {
    for (const [codec, nested] of [["proto", nestedProto], ["json", nestedJson]] as const) {
      for (const method of ["Unary", "Bidi"] as const) {
        const options = { protocol, codec, method };
        const content = (depth: number) => isEnveloped(protocol, method) ? envelope(nested(depth)) : nested(depth);
        assert.equal((await answerTo(options, content(90))).code, "ok");
        const { code, message } = await answerTo(options, content(101));
        assert.equal(code, "invalid_argument");
        assert.match(message, /^test\.v1\.Sample cannot be decoded: .*(recursion|depth)/i);
        assert.equal((await answerTo(options, content(2000))).code, "invalid_argument");
      }
    }
  }
});

Deno.test("bombs of depth, of groups and of numbers are invalid_argument", async () => {
  const json = [
    "[".repeat(1e6),
    `{"unknown":${"[".repeat(1e5)}${"]".repeat(1e5)}}`,
    `{"number":1e999}`,
    `{"number":${"9".repeat(1e5)}}`,
    `{"number":1.5}`,
    `{"text":"a","text":1}`,
    `{"labels":[]}`,
    "null",
    '"text"',
    "",
    " ",
    "{",
    '{"text":"\\ud800"}',
  ];
  for (const text of json) {
    const { code } = await answerTo({ protocol: "connect", codec: "json" }, encoder.encode(text));
    const isIgnored = text.startsWith('{"unknown"') || text === '{"text":"\\ud800"}';
    assert.ok(code === "invalid_argument" || isIgnored && code !== "internal", text.slice(0, 20) + code);
  }
  const proto = [
    new Uint8Array(1e5).fill(0x0b), // Groups that begin.
    concat(new Uint8Array(1e5).fill(0x0b), new Uint8Array(1e5).fill(0x0c)),
    new Uint8Array([0x0c]), // One that ends.
    new Uint8Array([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]), // A length beyond the end.
    new Uint8Array([0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
    new Uint8Array([0x18, 0x80]),
    new Uint8Array([0x00]),
    new Uint8Array([0x0f]),
    new Uint8Array([0x0a, 2, 0xff, 0xfe]), // Not UTF-8.
  ];
  for (const octets of proto) {
    for (const protocol of PROTOCOLS) {
      const content = isEnveloped(protocol, "Unary") ? envelope(octets) : octets;
      assert.equal((await answerTo({ protocol }, content)).code, "invalid_argument", `${octets.subarray(0, 8)}`);
    }
  }
});

Deno.test("names that JavaScript knows are names like others", async () => {
  const scene = new RpcScene({
    unary: ({ labels }, context) => ({ text: `${Object.entries(labels)} ${context.requestHeader.get("__proto__")}` }),
  });
  const options = {
    protocol: "connect",
    codec: "json",
    fields: { "__proto__": ["a", "b"], "constructor": "c" },
  } as const;
  const request = '{"__proto__":{"text":"x"},"constructor":1,"labels":{"__proto__":"p","constructor":"c"}}';
  const exchange = await scene.call(
    { ...options, fields: JSON.parse('{"__proto__":["a","b"],"constructor":"c"}') },
    ascii(request),
  );
  assert.deepEqual(readAnswer(exchange, options).messages, ['{"text":"__proto__,p,constructor,c a, b"}']);
  assert.equal(({} as Record<string, unknown>)["text"], undefined);
});

Deno.test("a message is not decompressed before its request has ended", () => {
  let decompressed = 0;
  const bomb: Compression = {
    name: "gzip",
    compress: (data) => data,
    decompress: (data) => {
      decompressed++;
      return data;
    },
  };
  const scene = new RpcScene(ECHO, { compressions: [bomb] });
  for (const method of ["Unary", "ServerStream"] as const) {
    decompressed = 0;
    const exchange = scene.begin({ method, fields: { "grpc-encoding": "gzip" } });
    exchange.push(envelope(sampleOctets("proto", "a"), 1));
    assert.deepEqual([decompressed, exchange.heldLength], [0, 0], method);
    exchange.push(new Uint8Array(0), { endStream: true });
    assert.equal(decompressed, 1, method);
    exchange.drop();
  }
});

Deno.test("a message in pieces is not decoded before its request has ended", async () => {
  for (const method of ["Unary", "ServerStream"] as const) {
    const exchange = new RpcScene(ECHO).begin({ method });
    exchange.push(envelope(new Uint8Array(1000).fill(0xff)), { size: 300 });
    assert.deepEqual([exchange.hasEnded, exchange.heldLength], [false, 0], method);
    exchange.push(new Uint8Array(0), { endStream: true });
    await exchange.ended;
    assert.equal(readAnswer(exchange, { method }).code, "invalid_argument", method);
  }
});

Deno.test("messages in pieces that nobody takes hold the window, but for one of them", async () => {
  const go = Promise.withResolvers<void>();
  const scene = new RpcScene({
    async clientStream(requests) {
      await go.promise;
      return { text: String((await Array.fromAsync(requests)).length) };
    },
  });
  const exchange = scene.begin({ method: "ClientStream" });
  const message = envelope(sampleOctets("proto", "a".repeat(100)));
  for (let count = 0; count < 100; count++) {
    exchange.push(message, { size: 10 });
  }
  assert.ok(exchange.heldLength > 99 * message.length, `${exchange.heldLength} are held`);
  go.resolve();
  exchange.push(new Uint8Array(0), { endStream: true });
  await exchange.ended;
  assert.equal(exchange.heldLength, 0);
  assert.deepEqual(readAnswer(exchange, { method: "ClientStream" }).messages, ["\n\x03100"]);
});

Deno.test("messages that wait are not decompressed before the handler takes them", () => {
  let decompressed = 0;
  const bomb: Compression = {
    name: "gzip",
    compress: (data) => data,
    decompress: () => {
      decompressed++;
      return new Uint8Array(0);
    },
  };
  const go = Promise.withResolvers<void>();
  const scene = new RpcScene({
    async clientStream(requests) {
      await go.promise;
      let count = 0;
      for await (const _ of requests) {
        count++;
      }
      return { text: String(count) };
    },
  }, { compressions: [bomb] });
  const exchange = scene.begin({ method: "ClientStream", fields: { "grpc-encoding": "gzip" } });
  for (let count = 0; count < 1000; count++) {
    exchange.push(envelope(new Uint8Array(1), 1));
  }
  assert.equal(decompressed, 0);
  assert.equal(exchange.heldLength, 6000);
  exchange.drop();
  go.resolve();
});
