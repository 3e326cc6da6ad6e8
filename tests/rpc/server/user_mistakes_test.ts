/** Mistakes of user code wherever it is called: the call ends `internal`, `onError` is told once, and nothing else ends with it. */
import { create, type DescMessage } from "@bufbuild/protobuf";
import { Code, ConnectError, type HandlerContext, type Interceptor } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { HelloRequestSchema } from "../../../gen/edgewire/v1/greeter_pb.ts";
import { writing } from "../../../src/rpc/mod.ts";
import type { CallObserver } from "../../../src/rpc/mod.ts";
import { settle } from "../../support/fake_socket.ts";
import { readAnswer } from "../../support/rpc_answer.ts";
import {
  callOne,
  CALLS,
  contentOf,
  each,
  ECHO,
  type Impl,
  type Method,
  METHODS,
  PROTOCOLS,
  RpcScene,
  type RpcSceneOptions,
} from "../../support/rpc_scene.ts";
import type { SampleSchema } from "../../support/sample_service.ts";
import { uncaughtDuring } from "../../support/sockets.ts";

/** Values that are no messages, and how the log names them. */
const NO_MESSAGES: readonly (readonly [given: unknown, name: string])[] = [
  [undefined, "undefined"],
  [null, "null"],
  ["text", "a string"],
  [5, "a number"],
  [5n, "a bigint"],
  [true, "a boolean"],
  [Symbol("a"), "a symbol"],
  [() => ({}), "a function"],
  [[], "an array"],
  [[{ text: "a" }], "an array"],
  [new Map(), "an iterable"],
  [new Uint8Array(3), "an iterable"],
  [(function* () {})(), "an iterable"],
  [(async function* () {})(), "an iterable"],
  [new Error("returned"), "an object of another kind, [object Error],"],
  [new Date(0), "an object of another kind, [object Date],"],
  [new Response(), "an object of another kind, [object Response],"],
  [create(HelloRequestSchema), "a message edgewire.v1.HelloRequest"],
];

/** A message that throws when it is looked at. */
const HOSTILE = new Proxy({}, {
  get() {
    throw new Error("get");
  },
  getPrototypeOf() {
    throw new Error("getPrototypeOf");
  },
});

const INTERCEPTORS: readonly (readonly Interceptor[])[] = [[], [(next) => (request) => next(request)]];

function returning(given: unknown): Impl {
  return {
    unary: () => given,
    clientStream: () => given,
    serverStream: () => given,
    bidi: () => given,
  } as never;
}

function yielding(given: unknown): Impl {
  return {
    async *serverStream() {
      yield given;
    },
    async *bidi() {
      yield given;
    },
  } as never;
}

/** What is printed by the console while something is done. */
async function consoleDuring(action: () => Promise<void>): Promise<unknown[][]> {
  const { error } = console;
  const lines: unknown[][] = [];
  console.error = (...items) => lines.push(items);
  try {
    await action();
  } finally {
    console.error = error;
  }
  return lines;
}

/** Calls, and expects it to end `internal` and to be told once. */
async function assertInternal(
  impl: Impl,
  method: Method,
  message?: string,
  options: RpcSceneOptions = {},
): Promise<void> {
  for (const protocol of PROTOCOLS) {
    const { exchange, errors } = await callOne(impl, { protocol, method }, options);
    assert.deepEqual(readAnswer(exchange, { protocol, method }), {
      messages: [],
      code: "internal",
      message: "internal error",
    });
    assert.equal(errors.length, 1, `${protocol} ${method}`);
    if (message !== undefined) {
      assert.ok(errors[0] instanceof TypeError);
      assert.equal(errors[0].message, message);
    }
  }
}

Deno.test("what is no message is internal, and the log names the method", async () => {
  for (const interceptors of INTERCEPTORS) {
    for (const [given, name] of NO_MESSAGES) {
      const problem = `gave ${name} where a message test.v1.Sample belongs`;
      await assertInternal(returning(given), "Unary", `test.v1.Samples.Unary ${problem}`, { interceptors });
      await assertInternal(
        returning(Promise.resolve(given)),
        "ClientStream",
        `test.v1.Samples.ClientStream ${problem}`,
        { interceptors },
      );
      await assertInternal(yielding(given), "ServerStream", `test.v1.Samples.ServerStream ${problem}`, {
        interceptors,
      });
      await assertInternal(yielding(given), "Bidi", `test.v1.Samples.Bidi ${problem}`, { interceptors });
    }
    await assertInternal(returning(HOSTILE), "Unary", undefined, { interceptors });
    await assertInternal(yielding(HOSTILE), "ServerStream", undefined, { interceptors });
  }
});

Deno.test("what is no stream is internal, and the log names the method", async () => {
  for (const interceptors of INTERCEPTORS) {
    for (const [given, name] of NO_MESSAGES.filter(([, name]) => !/array|iterable/.test(name))) {
      for (const value of [given, Promise.resolve(given)]) {
        const problem = `gave ${name} where a stream of messages test.v1.Sample belongs`;
        for (const method of ["ServerStream", "Bidi"] as const) {
          await assertInternal(returning(value), method, `test.v1.Samples.${method} ${problem}`, { interceptors });
        }
      }
    }
    await assertInternal(returning({ text: "a" }), "ServerStream", undefined, { interceptors });
  }
});

Deno.test("whatever can be awaited is awaited: promises that are not the runtime's own", async () => {
  const thenable = (value: unknown) => ({ then: (resolve: (value: unknown) => void) => resolve(value) });
  const stream = async function* () {
    await Promise.resolve();
    yield { text: "b" };
  };
  for (const interceptors of INTERCEPTORS) {
    for (const { protocol, method } of CALLS) {
      const isStream = method === "ServerStream" || method === "Bidi";
      const impl = returning(thenable(thenable(isStream ? stream() : { text: "b" })));
      const { exchange, errors } = await callOne(impl, { protocol, method, codec: "json" }, { interceptors });
      assert.deepEqual(readAnswer(exchange, { protocol, method }).messages, ['{"text":"b"}'], `${protocol} ${method}`);
      assert.deepEqual(errors, []);
    }
    const broken = {
      get then() {
        throw new Error("then");
      },
    };
    const rejecting = { then: (_resolve: unknown, reject: (reason: unknown) => void) => reject(new Error("no")) };
    for (const given of [broken, rejecting]) {
      for (const method of METHODS) {
        await assertInternal(returning(given), method, undefined, { interceptors });
      }
    }
  }
});

Deno.test("an array is a stream, as anything that can be iterated", async () => {
  const impl = returning([{ text: "a" }, Promise.resolve({ text: "b" })]);
  const { exchange } = await callOne(impl, { method: "ServerStream", codec: "json" });
  assert.deepEqual(readAnswer(exchange, { method: "ServerStream" }).messages, ['{"text":"a"}', '{"text":"b"}']);
});

Deno.test("whatever is thrown, and however hostile it is, the call ends internal", async () => {
  const thrown: readonly unknown[] = [
    null,
    undefined,
    Symbol("a"),
    Object.create(null),
    HOSTILE,
    Object.defineProperty(new Error(), "message", {
      get() {
        throw new Error("getter");
      },
    }),
    new Proxy(new ConnectError("no", Code.Aborted), {
      get() {
        throw new Error("trap");
      },
    }),
  ];
  const uncaught = await uncaughtDuring(async () => {
    for (const interceptors of INTERCEPTORS) {
      for (const value of thrown) {
        for (const { protocol, method } of CALLS) {
          const fail = () => {
            throw value;
          };
          for (const impl of [each(fail), { unary: fail, clientStream: fail, serverStream: fail, bidi: fail }]) {
            const { exchange, errors } = await callOne(impl as Impl, { protocol, method }, { interceptors });
            assert.equal(readAnswer(exchange, { protocol, method }).code, "internal");
            assert.equal(errors.length, 1);
          }
        }
      }
    }
  });
  assert.deepEqual(uncaught, []);
});

Deno.test("a listener of the signal that throws is told, whoever ends the call, and nothing else ends", async () => {
  const listeners: ((signal: AbortSignal) => void)[] = [
    (signal) =>
      signal.addEventListener("abort", () => {
        throw new Error("listener");
      }),
    (signal) => {
      signal.onabort = () => {
        throw new Error("listener");
      };
    },
    (signal) =>
      signal.addEventListener("abort", async () => {
        await Promise.resolve();
        throw new Error("listener");
      }),
    (signal) =>
      AbortSignal.any([signal]).addEventListener("abort", () => {
        throw new Error("listener");
      }),
  ];
  const uncaught = await uncaughtDuring(async () => {
    for (const listen of listeners) {
      for (const { protocol, method } of CALLS) {
        const wait = async (context: HandlerContext) => {
          listen(context.signal);
          await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
        };
        const scene = new RpcScene({
          unary: async (_request, context) => (await wait(context), {}),
          clientStream: async (_requests, context) => (await wait(context), {}),
          async *serverStream(_request, context) {
            await wait(context);
            yield {};
          },
          async *bidi(_requests, context) {
            await wait(context);
            yield {};
          },
        });
        const exchange = scene.begin({ protocol, method });
        exchange.push(contentOf(protocol, "proto", method, ["a"]), { endStream: true });
        await settle(5);
        exchange.drop();
        await settle(5);
        assert.deepEqual(scene.errors.map(String), ["Error: listener"], `${protocol} ${method}`);
      }
    }
    // It is told also when the call went well: the signal aborts at its end.
    const { exchange, errors } = await callOne(each(({ signal }) => listeners[0]!(signal)));
    assert.equal(readAnswer(exchange).code, "ok");
    assert.deepEqual(errors.map(String), ["Error: listener"]);
  });
  assert.deepEqual(uncaught, []);
});

Deno.test("a read that the handler does not wait for does not end the process when the client gives up", async () => {
  const uncaught = await uncaughtDuring(async () => {
    for (const protocol of PROTOCOLS) {
      const scene = new RpcScene({
        async clientStream(requests, { signal }) {
          const iterator = requests[Symbol.asyncIterator]();
          await iterator.next();
          const next = iterator.next();
          await new Promise((resolve) => signal.addEventListener("abort", resolve));
          await settle(5);
          await next.catch(() => {});
          iterator.next(); // Rejects at once.
          return {};
        },
      });
      for (const end of ["drop", "malformed"] as const) {
        const exchange = scene.begin({ protocol, method: "ClientStream" });
        exchange.push(contentOf(protocol, "proto", "ClientStream", ["a"]));
        await settle(5);
        if (end === "malformed") {
          exchange.push(new Uint8Array([0, 0, 0, 0, 2, 0x0a, 0xff]));
          await settle(5);
        }
        exchange.drop();
        await settle(20);
      }
    }
  });
  assert.deepEqual(uncaught, []);
});

Deno.test("an iterator whose return never resolves, or throws, holds nothing up", async () => {
  const uncaught = await uncaughtDuring(async () => {
    for (const protocol of PROTOCOLS) {
      let returned = 0;
      const iterating = (value: unknown, end: () => Promise<never>) => ({
        [Symbol.asyncIterator]: () => ({
          next: () => Promise.resolve({ done: false, value }),
          return: () => (returned++, end()),
        }),
      });
      const never = () => new Promise<never>(() => {});
      const failing = () => Promise.reject(new Error("return"));
      for (const end of [never, failing]) {
        // A message that is none ends the call, whatever the iterator says to that.
        const { exchange, errors } = await callOne(returning(iterating("text", end)), {
          protocol,
          method: "ServerStream",
        });
        assert.equal(readAnswer(exchange, { protocol, method: "ServerStream" }).code, "internal");
        assert.match(String(errors[0]), /gave a string/);
      }
      const scene = new RpcScene(returning(iterating({}, failing)));
      const exchange = scene.begin({ protocol, method: "ServerStream", exchange: { room: 0, queueBytes: 1 } });
      exchange.push(contentOf(protocol, "proto", "ServerStream", ["a"]), { endStream: true });
      await settle(5);
      exchange.drop();
      await settle(10);
      assert.deepEqual(scene.errors.map(String), ["Error: return"]);
      assert.equal(returned, 3);
    }
  });
  assert.deepEqual(uncaught, []);
});

Deno.test("onError may be asynchronous, and fail", async () => {
  const mistake = new Error("broken logger");
  const lines = await consoleDuring(async () => {
    const uncaught = await uncaughtDuring(async () => {
      const fail = () => {
        throw new Error("secret");
      };
      const { exchange } = await callOne({ unary: fail }, {}, { onError: () => Promise.reject(mistake) as never });
      assert.equal(readAnswer(exchange).code, "internal");
      await settle(5);
    });
    assert.deepEqual(uncaught, []);
  });
  assert.deepEqual(lines, [[mistake]]);
});

Deno.test("by default the console is told which method failed", async () => {
  const error = new Error("secret");
  const lines = await consoleDuring(async () => {
    const fail = () => {
      throw error;
    };
    await callOne({ unary: fail }, {}, { onError: undefined });
  });
  assert.deepEqual(lines, [["test.v1.Samples/Unary failed:", error]]);
});

Deno.test("an observer that fails is told once, and neither its call nor the other observers notice", async () => {
  const fail = () => {
    throw new Error("observer");
  };
  const failing: readonly CallObserver[] = [
    { begin: fail },
    { begin: () => undefined as never },
    { begin: () => ({ around: fail, end: () => {} }) },
    { begin: () => ({ around: () => {}, end: fail }) },
    { begin: () => ({ around: (invoke) => (invoke(), invoke(), fail()), end: fail }) },
    { begin: () => ({ end: async () => await Promise.reject(new Error("observer")) }) },
    { begin: () => ({ around: async () => await Promise.reject(new Error("observer")), end: () => {} }) },
  ];
  const uncaught = await uncaughtDuring(async () => {
    for (const observer of failing) {
      let calls = 0;
      let ended = 0;
      const other: CallObserver = {
        begin: () => ({
          around: (invoke) => {
            calls++;
            invoke();
          },
          end: () => ended++,
        }),
      };
      const methods: string[] = [];
      const scene = new RpcScene(ECHO, {
        observers: [observer, other],
        onError: (error, { method }) => methods.push(`${method.name} ${error}`),
      });
      const exchange = await scene.call({ codec: "json" }, contentOf("grpc", "json", "Unary", ["a"]));
      await settle(3);
      assert.deepEqual(readAnswer(exchange).messages, ['{"text":"aa"}']);
      assert.equal(methods.length, 1);
      assert.match(methods[0]!, /^Unary (TypeError|Error: observer)/);
      assert.deepEqual([calls, ended], [1, 1]);
    }
  });
  assert.deepEqual(uncaught, []);
  const lines = await consoleDuring(async () => {
    const scene = new RpcScene(ECHO, { observers: [failing[0]!] });
    const exchange = scene.begin({ path: "/test.v1.Samples/Unknown" }, true);
    await exchange.ended;
  });
  assert.equal(lines[0]![0], "An observer failed at /test.v1.Samples/Unknown:");
});

Deno.test("a gate that gives a thenable, or one that fails, is waited for", async () => {
  for (
    const gate of [
      () => ({ then: (_: unknown, reject: (reason: unknown) => void) => reject(HOSTILE) }),
      () => ({
        get then() {
          throw new Error("then");
        },
      }),
      () => {
        throw HOSTILE;
      },
    ]
  ) {
    const { exchange, errors } = await callOne(ECHO, {}, { requestGate: gate as never });
    assert.equal(readAnswer(exchange).code, "internal");
    assert.equal(errors.length, 1);
  }
});

Deno.test("an interceptor that fails without waiting for the method does not end the process", async () => {
  const uncaught = await uncaughtDuring(async () => {
    const interceptor: Interceptor = (next) => (request) => {
      next(request);
      throw new ConnectError("impatient", Code.Aborted);
    };
    const { exchange, errors } = await callOne(
      each(() => {
        throw new Error("late");
      }),
      {},
      { interceptors: [interceptor] },
    );
    assert.deepEqual(readAnswer(exchange), { messages: [], code: "aborted", message: "impatient" });
    assert.deepEqual(errors, []);
    await settle(5);
  });
  assert.deepEqual(uncaught, []);
});

Deno.test("an interceptor that answers what is no response is internal", async () => {
  for (const answer of [undefined, null, "text", {}, { stream: false }, { stream: true, header: new Headers() }]) {
    const interceptor: Interceptor = () => () => Promise.resolve(answer as never);
    for (const method of METHODS) {
      await assertInternal(ECHO, method, undefined, { interceptors: [interceptor] });
    }
  }
});

Deno.test("a method that pushes and gives something is internal; what it gives beside a promise does not matter", async () => {
  type Schema = DescMessage & typeof SampleSchema;
  const generator = writing<Schema, Schema>(async function* () {} as never);
  for (const interceptors of INTERCEPTORS) {
    await assertInternal({ serverStream: generator }, "ServerStream", undefined, { interceptors });
    const impl = {
      serverStream: writing<Schema, Schema>(
        ((_request: unknown, writer: { write(message: unknown): boolean }) => writer.write({ text: "b" })) as never,
      ),
    };
    const { exchange } = await callOne(impl, { method: "ServerStream", codec: "json" }, { interceptors });
    assert.deepEqual(readAnswer(exchange, { method: "ServerStream" }).messages, ['{"text":"b"}']);
    const wrong = writing<Schema, Schema>(
      ((_request: unknown, writer: { write(message: unknown): boolean }) => {
        writer.write("text");
      }) as never,
    );
    await assertInternal({ serverStream: wrong }, "ServerStream", undefined, { interceptors });
  }
});
