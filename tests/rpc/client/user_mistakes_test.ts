/** Mistakes of user code around calls: services of the same process, signals, interceptors, request messages, and a `fetch` of the user. */
import {
  Code,
  ConnectError,
  createClient,
  type Interceptor,
  type ServiceImpl,
  type Transport,
} from "@connectrpc/connect";
import assert from "node:assert/strict";
import { Greeter } from "../../../gen/edgewire/v1/greeter_pb.ts";
import {
  createFetchClient,
  createInProcessTransport,
  createTransport,
  type InProcessTransportOptions,
} from "../../../src/rpc/mod.ts";
import { assertConnectError } from "../../support/connect_error.ts";
import { settle } from "../../support/fake_socket.ts";
import { ScriptedServer } from "../../support/scripted_server.ts";
import { uncaughtDuring } from "../../support/sockets.ts";

const HOSTILE = new Proxy({}, {
  get() {
    throw new Error("get");
  },
  getPrototypeOf() {
    throw new Error("getPrototypeOf");
  },
});

const UNREADABLE: readonly unknown[] = [HOSTILE, Object.create(null), Symbol("a"), null];

function inProcess(greeter: unknown, options: InProcessTransportOptions = {}) {
  const errors: unknown[] = [];
  const transport = createInProcessTransport(
    (router) => router.service(Greeter, greeter as Partial<ServiceImpl<typeof Greeter>>),
    { onError: (error) => errors.push(error), ...options },
  );
  return { client: createClient(Greeter, transport), errors };
}

async function assertQuiet(action: () => Promise<void>): Promise<void> {
  const uncaught = await uncaughtDuring(async () => {
    await action();
    await settle(10);
  });
  assert.deepEqual(uncaught, []);
}

Deno.test("in the same process, what is no message is internal, and told with the method's name", async () => {
  for (const given of [undefined, null, "a", 5, [], (function* () {})(), new Map(), new Error("returned"), HOSTILE]) {
    for (
      const value of [given, Promise.resolve(given), { then: (resolve: (value: unknown) => void) => resolve(given) }]
    ) {
      const { client, errors } = inProcess({ sayHello: () => value });
      await assertConnectError(client.sayHello({}), Code.Internal, "internal error");
      assert.equal(errors.length, 1);
      if (given !== HOSTILE) {
        assert.match(String(errors[0]), /^TypeError: edgewire\.v1\.Greeter\.SayHello gave /);
      }
    }
    const { client, errors } = inProcess({
      async *converse() {
        yield given;
      },
    });
    await assertConnectError(
      Array.fromAsync(client.converse((async function* () {})())),
      Code.Internal,
      "internal error",
    );
    assert.equal(errors.length, 1);
  }
  for (const given of [undefined, null, "a", 5, {}, () => {}]) {
    const { client, errors } = inProcess({ converse: () => given });
    await assertConnectError(
      Array.fromAsync(client.converse((async function* () {})())),
      Code.Internal,
      "internal error",
    );
    assert.match(String(errors), /Greeter\.Converse gave .* where a stream of messages/);
  }
});

Deno.test("in the same process, thenables are awaited, and arrays are streams", async () => {
  const thenable = (value: unknown) => ({ then: (resolve: (value: unknown) => void) => resolve(value) });
  const { client } = inProcess({
    sayHello: () => thenable({ message: "a" }),
    converse: () => thenable([{ message: "b" }]),
  });
  assert.equal((await client.sayHello({})).message, "a");
  const messages = await Array.fromAsync(client.converse((async function* () {})()), ({ message }) => message);
  assert.deepEqual(messages, ["b"]);
});

Deno.test("in the same process, hostile errors, listeners and reporters end nothing but their call", async () => {
  await assertQuiet(async () => {
    for (const thrown of UNREADABLE) {
      const { client, errors } = inProcess({
        sayHello: () => {
          throw thrown;
        },
      });
      await assertConnectError(client.sayHello({}), Code.Internal, "internal error");
      assert.equal(errors.length, 1);
    }
    const { client, errors } = inProcess({
      sayHello: async (_request: unknown, { signal }: { signal: AbortSignal }) => {
        signal.addEventListener("abort", () => {
          throw new Error("listener");
        });
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
      },
    });
    await assertConnectError(client.sayHello({}, { timeoutMs: 1 }), Code.DeadlineExceeded, /timed out/);
    await settle(5);
    assert.deepEqual(errors.map(String), ["Error: listener"]);
  });
  const { error } = console;
  const lines: unknown[][] = [];
  console.error = (...items) => lines.push(items);
  try {
    await assertQuiet(async () => {
      const failing = {
        sayHello: () => {
          throw "thrown";
        },
      };
      const broken = inProcess(failing, { onError: () => Promise.reject("broken") as never });
      await assertConnectError(broken.client.sayHello({}), Code.Internal, "internal error");
      const silent = inProcess(failing, { onError: undefined });
      await assertConnectError(silent.client.sayHello({}), Code.Internal, "internal error");
    });
  } finally {
    console.error = error;
  }
  assert.deepEqual(lines, [["broken"], ["edgewire.v1.Greeter/SayHello failed:", "thrown"]]);
});

Deno.test("in the same process, a read that nobody awaits does not end it, and long texts are cut", async () => {
  await assertQuiet(async () => {
    const { client } = inProcess({
      async *converse(requests: AsyncIterable<unknown>, { signal }: { signal: AbortSignal }) {
        requests[Symbol.asyncIterator]().next();
        yield {};
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        requests[Symbol.asyncIterator]().next();
      },
    });
    const answers = client.converse(
      (async function* () {
        await new Promise(() => {});
        yield {};
      })(),
      { timeoutMs: 20 },
    );
    await assertConnectError(Array.fromAsync(answers), Code.DeadlineExceeded, /timed out/);
  });
  const { client } = inProcess({
    sayHello: () => {
      throw new ConnectError("a".repeat(100_000), Code.Aborted);
    },
  });
  await assertConnectError(client.sayHello({}), Code.Aborted, `${"a".repeat(1015)}... (cut)`);
});

/** What calls go by, and how to end them all. */
function transports(server: ScriptedServer): readonly Transport[] {
  return [
    createTransport({ protocol: "grpc", httpClient: server.client }),
    createTransport({ baseUrl: "http://a", httpClient: createFetchClient({ fetch: () => new Promise(() => {}) }) }),
    createInProcessTransport((router) => router.service(Greeter, { sayHello: () => new Promise(() => {}) })),
  ];
}

Deno.test("a signal may be aborted with anything", async () => {
  await assertQuiet(async () => {
    await using server = new ScriptedServer();
    for (const transport of transports(server)) {
      for (const reason of UNREADABLE) {
        const client = createClient(Greeter, transport);
        await assertConnectError(client.sayHello({}, { signal: AbortSignal.abort(reason) }), Code.Canceled, /./);
        const abort = new AbortController();
        const call = client.sayHello({}, { signal: abort.signal });
        await settle(3);
        abort.abort(reason);
        await assertConnectError(call, Code.Canceled, /./);
      }
    }
  });
});

Deno.test("a listener of an interceptor's signal that throws is printed, and the call goes on", async () => {
  const listening: Interceptor = (next) => (request) => {
    request.signal.addEventListener("abort", () => {
      throw new Error("listener");
    });
    return next(request);
  };
  const { error } = console;
  const lines: unknown[][] = [];
  console.error = (...items) => lines.push(items);
  try {
    await assertQuiet(async () => {
      const { client } = inProcess({ sayHello: () => ({ message: "a" }) }, { interceptors: [listening] });
      assert.equal((await client.sayHello({})).message, "a");
    });
  } finally {
    console.error = error;
  }
  assert.deepEqual(lines.map(String), ["A listener of a call's signal failed:,Error: listener"]);
});

Deno.test("interceptors and messages that throw anything fail their call with a ConnectError", async () => {
  await assertQuiet(async () => {
    await using server = new ScriptedServer();
    for (const thrown of UNREADABLE) {
      const fail = () => {
        throw thrown;
      };
      for (const interceptor of [fail, () => fail, () => () => Promise.reject(thrown)] as never as Interceptor[]) {
        const transport = createTransport({ protocol: "grpc", httpClient: server.client, interceptors: [interceptor] });
        await assertConnectError(createClient(Greeter, transport).sayHello({}), Code.Unknown, /./);
      }
      const client = createClient(Greeter, createTransport({ protocol: "grpc", httpClient: server.client }));
      const message = Object.defineProperty({}, "name", { get: fail, enumerable: true });
      await assertConnectError(client.sayHello(message), Code.Internal, /^cannot send the request: /);
      const iterating = (iterator: unknown) => ({ [Symbol.asyncIterator]: () => iterator });
      for (
        const messages of [
          { [Symbol.asyncIterator]: fail },
          iterating({ next: fail }),
          iterating({ next: () => Promise.reject(thrown), return: fail }),
          iterating({ next: () => Promise.resolve(HOSTILE) }),
          iterating({ next: () => Promise.resolve({ done: false, value: HOSTILE }) }),
        ]
      ) {
        await assertConnectError(Array.fromAsync(client.converse(messages as never)), Code.Internal, /./);
      }
    }
  });
});

Deno.test("a fetch of the user may reject with anything", async () => {
  await assertQuiet(async () => {
    for (const thrown of UNREADABLE) {
      const httpClient = createFetchClient({ fetch: () => Promise.reject(thrown) });
      const client = createClient(Greeter, createTransport({ baseUrl: "http://a", httpClient }));
      await assertConnectError(client.sayHello({}), Code.Unavailable, /^cannot reach http:\/\/a: /);
    }
  });
});

Deno.test("texts of a bad server are cut when they become errors", async () => {
  const long = "a".repeat(20_000);
  const cut = `${"a".repeat(1015)}... (cut)`;
  await using server = new ScriptedServer();
  const call = async (
    protocol: "connect" | "grpc" | "grpc-web",
    fields: Record<string, string>,
    trailers?: Record<string, string>,
    content = "",
  ) => {
    const transport = createTransport({ protocol, httpClient: server.client });
    const answer = createClient(Greeter, transport).sayHello({});
    answer.catch(() => {});
    const call = await server.call(calls++);
    call.respond({ ":status": "200", ...fields });
    call.write(new TextEncoder().encode(content));
    call.endWithTrailers(trailers ?? {});
    return await answer.then(() => "", (error) => (error as ConnectError).rawMessage);
  };
  let calls = 0;
  const grpc = { "content-type": "application/grpc+proto" };
  assert.equal(await call("grpc", grpc, { "grpc-status": "9", "grpc-message": long }), cut);
  const json = { ":status": "400", "content-type": "application/json" };
  assert.equal(await call("connect", json, {}, JSON.stringify({ code: "aborted", message: long })), cut);
  assert.ok((await call("connect", { "content-type": `text/${long}` })).length < 300);
  assert.ok((await call("grpc", { ...grpc, "grpc-encoding": long })).length < 300);
});
