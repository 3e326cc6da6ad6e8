/** Interceptors of connect-es, around methods of all kinds. */
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, createContextKey, type Interceptor, type ServiceImpl } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { settle } from "../../support/fake_socket.ts";
import { readAnswer } from "../../support/rpc_answer.ts";
import { type CallOptions, CALLS, contentOf, ECHO, type Method, METHODS, RpcScene } from "../../support/rpc_scene.ts";
import { type Samples, SampleSchema } from "../../support/sample_service.ts";
import type { ScriptedExchange } from "../../support/scripted_exchange.ts";

type Impl = Partial<ServiceImpl<typeof Samples>>;

async function callOne(
  interceptors: readonly Interceptor[],
  options: CallOptions,
  samples: Impl = ECHO,
  texts: readonly string[] = ["a"],
): Promise<{ exchange: ScriptedExchange; errors: readonly unknown[] }> {
  const scene = new RpcScene(samples, { interceptors });
  const { protocol = "grpc", method = "Unary" } = options;
  const exchange = await scene.call(options, contentOf(protocol, "proto", method, texts));
  return { exchange, errors: scene.errors };
}

/** What `ECHO` answers to "a". */
const ECHOED: Readonly<Record<Method, readonly string[]>> = {
  Get: ["\n\x02aa"],
  Unary: ["\n\x02aa"],
  ClientStream: ["\n\x02aa"],
  ServerStream: ["\n\x01a", "\n\x01a"],
  Bidi: ["\n\x02aa"],
};

Deno.test("the first interceptor is the outermost", async () => {
  for (const call of CALLS) {
    const log: string[] = [];
    const named = (name: string): Interceptor => (next) => async (request) => {
      log.push(`${name} in`);
      const response = await next(request);
      log.push(`${name} out`);
      return response;
    };
    const { exchange } = await callOne([named("a"), named("b")], call);
    assert.deepEqual(readAnswer(exchange, call).messages, ECHOED[call.method]);
    assert.deepEqual(log, ["a in", "b in", "b out", "a out"]);
  }
});

Deno.test("an interceptor sees what the call is", async () => {
  for (const call of CALLS) {
    let seen: unknown;
    const look: Interceptor = (next) => (request) => {
      const { stream, method, service, requestMethod, url, header, signal } = request;
      seen = [stream, method.name, service.typeName, requestMethod, url, header.get("a"), signal.aborted];
      return next(request);
    };
    await callOne([look], { ...call, fields: { a: "b" } });
    assert.deepEqual(seen, [
      call.method !== "Unary",
      call.method,
      "test.v1.Samples",
      "POST",
      `http://test/test.v1.Samples/${call.method}`,
      "b",
      false,
    ]);
  }
});

async function* mapped<T>(items: AsyncIterable<T>, map: (item: T) => T): AsyncGenerator<T> {
  for await (const item of items) {
    yield map(item);
  }
}

const asSample = (message: unknown) => message as { text: string };
const shout = <T>(message: T): T => ({ ...message, text: asSample(message).text.toUpperCase() });
const twice = <T>(message: T): T => ({ ...message, text: `<${asSample(message).text}>` });

Deno.test("an interceptor may change messages, header fields, values and the context's", async () => {
  const key = createContextKey("none");
  const change: Interceptor = (next) => async (request) => {
    request.header.set("added", "in");
    request.contextValues.set(key, "set");
    const response = await next(
      request.stream
        ? { ...request, message: mapped(request.message, shout) }
        : { ...request, message: shout(request.message) },
    );
    response.header.set("out-header", "h");
    response.trailer.set("out-trailer", "t");
    return response.stream
      ? { ...response, message: mapped(response.message, twice) }
      : { ...response, message: twice(response.message) };
  };
  const seen: string[] = [];
  const look = (context: Parameters<ServiceImpl<typeof Samples>["unary"]>[1]) => {
    seen.push(`${context.requestHeader.get("added")} ${context.values.get(key)}`);
  };
  const impl: ServiceImpl<typeof Samples> = {
    ...ECHO,
    unary: (request, context) => (look(context), ECHO.unary(request, context)),
    clientStream: (requests, context) => (look(context), ECHO.clientStream(requests, context)),
    serverStream: (request, context) => (look(context), ECHO.serverStream(request, context)),
    bidi: (requests, context) => (look(context), ECHO.bidi(requests, context)),
  };
  for (const method of METHODS) {
    const { exchange, errors } = await callOne([change], { method }, impl);
    const text = method === "ServerStream" ? "<A>" : "<AA>";
    const message = `\n${String.fromCharCode(text.length)}${text}`;
    assert.deepEqual(readAnswer(exchange).messages, method === "ServerStream" ? [message, message] : [message]);
    assert.ok(exchange.log[0]!.endsWith(" out-header=h"), exchange.log.join("\n"));
    assert.equal(exchange.log[1], "trailers grpc-status=0 out-trailer=t");
    assert.deepEqual(errors, []);
  }
  assert.deepEqual(seen, Array(4).fill("in set"));
});

Deno.test("an interceptor may answer itself, with fields of its own", async () => {
  const answer: Interceptor = () => (request) => {
    const header = new Headers({ a: "1" });
    header.append("set-cookie", "x=1");
    header.append("set-cookie", "y=2");
    const common = { service: request.service, header, trailer: new Headers({ t: "2" }) };
    const message = create(SampleSchema, { text: "mine" });
    async function* one() {
      yield message;
    }
    return Promise.resolve(
      request.stream
        ? { ...common, stream: true, method: request.method, message: one() }
        : { ...common, stream: false, method: request.method, message },
    );
  };
  for (const method of METHODS) {
    const { exchange, errors } = await callOne([answer], { method }, {
      unary: () => {
        throw new Error("The method was called");
      },
    });
    assert.deepEqual(readAnswer(exchange).messages, ["\n\x04mine"]);
    assert.ok(exchange.log[0]!.endsWith(" a=1 set-cookie=x=1 set-cookie=y=2"), exchange.log.join("\n"));
    assert.equal(exchange.log[1], "trailers grpc-status=0 t=2");
    assert.deepEqual(errors, []);
  }
});

Deno.test("what an interceptor throws ends the call as what a method throws", async () => {
  for (const call of CALLS) {
    const { exchange, errors } = await callOne([() => () => {
      throw new ConnectError("no", Code.PermissionDenied, { m: "1" });
    }], call);
    assert.deepEqual(readAnswer(exchange, call), { messages: [], code: "permission_denied", message: "no" });
    assert.deepEqual(errors, []);

    const secret = new Error("secret");
    const mistaken = await callOne([(next) => async (request) => {
      await next(request);
      throw secret;
    }], call);
    assert.deepEqual(readAnswer(mistaken.exchange, call), {
      messages: [],
      code: "internal",
      message: "internal error",
    });
    assert.deepEqual(mistaken.errors, [secret]);
  }
});

Deno.test("an interceptor may turn an error into an answer, and one error into another", async () => {
  const rename: Interceptor = (next) => async (request) => {
    try {
      return await next(request);
    } catch (error) {
      throw new ConnectError(ConnectError.from(error).rawMessage, Code.DataLoss);
    }
  };
  const { exchange } = await callOne([rename], {}, {
    unary: () => {
      throw new ConnectError("no", Code.Aborted);
    },
  });
  assert.deepEqual(readAnswer(exchange), { messages: [], code: "data_loss", message: "no" });
});

Deno.test("an interceptor that gives a stream no message, or two, where there has to be one is unimplemented", async () => {
  const repeat = (count: number): Interceptor => (next) => (request) => {
    async function* all() {
      for (let index = 0; index < count; index++) {
        yield create(SampleSchema, { text: "x" });
      }
    }
    return next(request.stream ? { ...request, message: all() } : request);
  };
  for (const count of [0, 2]) {
    const { exchange } = await callOne([repeat(count)], { method: "ServerStream" });
    assert.equal(readAnswer(exchange).code, "unimplemented");
  }
  const { exchange } = await callOne([repeat(1)], { method: "ServerStream" });
  assert.deepEqual(readAnswer(exchange).messages, ["\n\x01x", "\n\x01x"]);
});

Deno.test("behind an interceptor requests have back-pressure, and hear that the client is gone", async () => {
  let [taken, error]: [number, unknown] = [0, undefined];
  const scene = new RpcScene({
    async clientStream(requests) {
      try {
        for await (const _ of requests) {
          if (++taken === 3) {
            await new Promise(() => {});
          }
        }
      } catch (reason) {
        error = reason;
      }
      return {};
    },
    async *bidi(requests) {
      try {
        for await (const _ of requests) {
          yield {};
        }
      } catch (reason) {
        error = reason;
      }
    },
  }, {
    interceptors: [
      (next) => (request) =>
        next(request.stream ? { ...request, message: mapped(request.message, (message) => message) } : request),
    ],
  });
  const slow = scene.begin({ method: "ClientStream" });
  for (let count = 0; count < 10; count++) {
    slow.push(contentOf("grpc", "proto", "ClientStream", ["a"]));
    await settle(1);
  }
  assert.deepEqual([taken, slow.heldLength], [3, 8 * 8]); // What was taken is given back with more of it.
  slow.drop();
  assert.equal(slow.heldLength, 0);

  const gone = scene.begin({ method: "Bidi" });
  gone.push(contentOf("grpc", "proto", "Bidi", ["a"]));
  await settle(2);
  gone.drop();
  await settle();
  assert.equal(String(error), "ConnectError: [canceled] the client is gone: gone");
});

Deno.test("interceptors of one service are not those of the server", async () => {
  const log: string[] = [];
  const named = (name: string): Interceptor => (next) => (request) => (log.push(name), next(request));
  const scene = new RpcScene({}, {
    interceptors: [named("server")],
    routes: (router) =>
      router.service(SampleSchema.file.services[0]!, ECHO as never, { interceptors: [named("service")] }),
  });
  const exchange = await scene.call({}, contentOf("grpc", "proto", "Unary", ["a"]));
  assert.equal(readAnswer(exchange).code, "ok");
  assert.deepEqual(log, ["service"]);
});
