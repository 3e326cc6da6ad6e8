/**
 * What a user of the library writes: a program with `serve()`, whose handlers do all that handlers should not. It prints as the server does where it
 * listens.
 */
import { create, type Message, toBinary } from "@bufbuild/protobuf";
import { fileDesc, type GenMessage, type GenService, messageDesc, serviceDesc } from "@bufbuild/protobuf/codegenv2";
import {
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
  FileDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";
import { Greeter } from "../../../gen/edgewire/v1/greeter_codec.ts";
import { serve } from "../../../mod.ts";

/** A message of everything that multiplies. */
type Load = Message<"attacks.v1.LoadMessage"> & {
  text: string;
  children: Load[];
  labels: Record<string, string>;
  numbers: number[];
  texts: string[];
  big: bigint;
  flags: boolean[];
};

const TYPE = ".attacks.v1.LoadMessage";
const scalar = (name: string, number: number, type: Type, label = Label.OPTIONAL) => ({
  name,
  jsonName: name,
  number,
  type,
  label,
});
const call = { inputType: TYPE, outputType: TYPE };

const file = fileDesc(
  toBinary(
    FileDescriptorProtoSchema,
    create(FileDescriptorProtoSchema, {
      name: "attacks/v1/load.proto",
      package: "attacks.v1",
      syntax: "proto3",
      messageType: [{
        name: "LoadMessage",
        field: [
          scalar("text", 1, Type.STRING),
          { ...scalar("children", 2, Type.MESSAGE, Label.REPEATED), typeName: TYPE },
          { ...scalar("labels", 3, Type.MESSAGE, Label.REPEATED), typeName: `${TYPE}.LabelsEntry` },
          scalar("numbers", 4, Type.INT32, Label.REPEATED),
          scalar("texts", 5, Type.STRING, Label.REPEATED),
          scalar("big", 6, Type.INT64),
          scalar("flags", 7, Type.BOOL, Label.REPEATED),
        ],
        nestedType: [{
          name: "LabelsEntry",
          field: [scalar("key", 1, Type.STRING), scalar("value", 2, Type.STRING)],
          options: { mapEntry: true },
        }],
      }],
      service: [{
        name: "Load",
        method: [
          { name: "Hold", ...call },
          { name: "Do", ...call },
          { name: "Collect", clientStreaming: true, ...call },
          { name: "Stream", serverStreaming: true, ...call },
          { name: "Talk", clientStreaming: true, serverStreaming: true, ...call },
        ],
      }],
    }),
  ).toBase64(),
);
const LoadSchema: GenMessage<Load> = messageDesc(file, 0);
type Method<Kind extends "unary" | "client_streaming" | "server_streaming" | "bidi_streaming"> = {
  methodKind: Kind;
  input: typeof LoadSchema;
  output: typeof LoadSchema;
};
const LoadService: GenService<{
  hold: Method<"unary">;
  do: Method<"unary">;
  collect: Method<"client_streaming">;
  stream: Method<"server_streaming">;
  talk: Method<"bidi_streaming">;
}> = serviceDesc(file, 0);

const sleep = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds));

/** A thenable that is no native promise, as query builders and old libraries have it. */
const thenable = (value: unknown) => ({
  then: (resolve: (value: unknown) => void) => void setTimeout(() => resolve(value), 5),
});

/** What unary handlers do, by the text of the request. */
const DEEDS: Readonly<Record<string, (context: HandlerContext, request: Load) => unknown>> = {
  "abort listener throws": (context) => {
    context.signal.addEventListener("abort", () => {
      throw new Error("thrown by an abort listener");
    });
    return sleep(60_000);
  },
  "onabort throws": (context) => {
    context.signal.onabort = () => {
      throw new Error("thrown by onabort");
    };
    return sleep(60_000);
  },
  "abort listener rejects": (context) => {
    context.signal.addEventListener("abort", {
      handleEvent: () => Promise.reject(new Error("rejected by a listener")),
    });
    return sleep(60_000);
  },
  "abort listener with a throwing derived signal": (context) => {
    AbortSignal.any([context.signal]).addEventListener("abort", () => {
      throw new Error("thrown by a listener of a derived signal");
    });
    return sleep(60_000);
  },
  "late rejection": async () => {
    await sleep(50);
    throw new Error("rejected after the caller went away");
  },
  "thenable": () => thenable({ text: "from a thenable" }),
  "thenable rejects": () => ({
    then: (_: unknown, reject: (error: unknown) => void) => reject(new ConnectError("thenable", Code.Aborted)),
  }),
  "thenable throws": () => ({
    then: () => {
      throw new Error("thrown by then");
    },
  }),
  "thenable never": () => ({ then: () => {} }),
  "thenable twice": () => ({
    then: (resolve: (value: unknown) => void, reject: (error: unknown) => void) => {
      resolve({ text: "first" });
      reject(new Error("second"));
      throw new Error("third");
    },
  }),
  "returns nothing": () => undefined,
  "returns null": () => null,
  "returns a string": () => "a string",
  "returns a number": () => 7,
  "returns a generator": () => (function* () {})(),
  "returns an async generator": () => (async function* () {})(),
  "returns an array": () => [],
  "returns a function": () => () => {},
  "returns wrong fields": () => ({ text: 7, numbers: "x", children: [null], labels: null }),
  "returns a proxy": () =>
    new Proxy({}, {
      get: () => {
        throw new Error("thrown by a proxy");
      },
    }),
  "returns 5 MiB": () => ({ text: "x".repeat(5 * 1024 * 1024) }),
  "returns a cycle": () => {
    const message = create(LoadSchema);
    message.children.push(message);
    return message;
  },
  "throws null": () => {
    throw null;
  },
  "throws undefined": () => {
    throw undefined;
  },
  "throws a symbol": () => {
    throw Symbol("thrown");
  },
  "throws an object without a prototype": () => {
    throw Object.create(null);
  },
  "throws what throws": () => {
    throw Object.defineProperty(new Error("x"), "message", {
      get: () => {
        throw new Error("thrown by message");
      },
    });
  },
  "throws a revoked proxy": () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    throw proxy;
  },
  "throws 4 MiB": () => {
    throw new ConnectError("x".repeat(4 * 1024 * 1024), Code.Internal);
  },
  "throws a code that is none": () => {
    throw new ConnectError("code", 99 as Code);
  },
  "throws metadata of 1 MiB": () => {
    throw new ConnectError("metadata", Code.Internal, { "x-long": "x".repeat(1024 * 1024) });
  },
  "sets a header of 1 MiB": (context) => {
    context.responseHeader.set("x-long", "x".repeat(1024 * 1024));
    return {};
  },
  "sets 500 trailers": (context) => {
    for (let index = 0; index < 500; index++) {
      context.responseTrailer.set(`x-${index}`, "x".repeat(200));
    }
    return {};
  },
  "never ends": () => new Promise(() => {}),
  "slow": async ({ signal }) => {
    await sleep(50);
    signal.throwIfAborted();
    return { text: "slow" };
  },
  "echo": (_, request) => request,
};

const held = new Set<Load>();

/** What a handler returns that TypeScript would not let it. */
// deno-lint-ignore no-explicit-any -- that is what is tested
type Anything = any;

function routes(router: ConnectRouter): void {
  router.service(Greeter, { sayHello: ({ name }) => ({ message: `Hello, ${name}!` }) });
  router.service(LoadService, {
    /** Keeps its request for as long as a slow handler does. */
    hold: async (request, { signal }) => {
      held.add(request);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 2000);
        signal.addEventListener("abort", () => (clearTimeout(timer), resolve()));
      });
      held.delete(request);
      return {};
    },
    do: (request, context) => (DEEDS[request.text] ?? DEEDS["echo"])!(context, request) as Anything,
    collect: async (requests) => {
      for await (const { text } of requests) {
        if (text === "throw") {
          throw new Error("thrown within a stream of requests");
        }
        if (text === "stop") {
          return { text: "stopped" };
        }
      }
      return { text: "collected" };
    },
    stream: ({ text }, { signal }) => streams[text]?.(signal) as Anything,
    talk: async function* (requests) {
      try {
        for await (const request of requests) {
          yield request;
        }
      } finally {
        // deno-lint-ignore no-unsafe-finally -- that is what is tested
        throw new Error("thrown by the finally of a generator");
      }
    },
  });
}

/** What handlers of server streams return, by the text of the request. */
const streams: Readonly<Record<string, (signal: AbortSignal) => unknown>> = {
  "nothing": () => undefined,
  "a string": () => "text",
  "a promise": () => Promise.resolve({}),
  "an array": () => [{ text: "1" }, { text: "2" }],
  "nonsense": async function* () {
    yield 7;
    yield null;
    yield "text";
  },
  "an iterator that throws": () => ({
    [Symbol.asyncIterator]: () => ({
      next: () => {
        throw new Error("thrown by next");
      },
    }),
  }),
  "an iterator whose return throws": () => ({
    [Symbol.asyncIterator]: () => ({
      next: () => sleep(5).then(() => ({ done: false, value: { text: "x".repeat(1000) } })),
      return: () => {
        throw new Error("thrown by return");
      },
    }),
  }),
  "an iterator whose return rejects": () => ({
    [Symbol.asyncIterator]: () => ({
      next: () => sleep(5).then(() => ({ done: false, value: { text: "x".repeat(1000) } })),
      return: () => Promise.reject(new Error("rejected by return")),
    }),
  }),
  "an iterator of nonsense": () => ({ [Symbol.asyncIterator]: () => ({ next: () => 7 }) }),
  "endless": async function* () {
    for (;;) {
      yield { text: "x".repeat(1000) };
    }
  },
};

const server = await serve({ routes, port: 0, host: "127.0.0.1" });
console.log(`Edgewire listening on ${server.url}`);
