/**
 * Errors and metadata of any size, and user code that fails when clients give up, on a real server: by grpc-js, by our own client in each protocol, by
 * both versions of HTTP, and through the `fetch` binding.
 */
import { Code, ConnectError, createClient, type HandlerContext, type Transport } from "@connectrpc/connect";
import { Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { fromBinary } from "@bufbuild/protobuf";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Greeter, HelloReplySchema } from "../../gen/edgewire/v1/greeter_pb.ts";
import {
  createFetchClient,
  createFetchHandler,
  createHttp2Client,
  createTransport,
  type Protocol,
  serve,
  type ServeOptions,
} from "../../mod.ts";
import { connectHttp2 } from "../../src/net/mod.ts";
import { RawClient } from "../support/raw_client.ts";
import { uncaughtDuring, until, within } from "../support/sockets.ts";

/** A server whose method does what the name in a request says, and the errors that it was told. */
async function startServer(
  deeds: Readonly<Record<string, (context: HandlerContext) => unknown>>,
  options: Partial<ServeOptions> = {},
) {
  const errors: unknown[] = [];
  const routes: ServeOptions["routes"] = (router) =>
    router.service(Greeter, {
      sayHello: async ({ name }, context) => (await deeds[name]?.(context), { message: `Hello, ${name}!` }),
    });
  const server = await serve({ routes, port: 0, onError: (error) => errors.push(error), ...options });
  return { server, routes, errors };
}

/** One unary call by grpc-js. */
function callByGrpcJs(client: Client, name: string): Promise<{ message: string } | ServiceError> {
  const { promise, resolve } = Promise.withResolvers<{ message: string } | ServiceError>();
  client.makeUnaryRequest(
    "/edgewire.v1.Greeter/SayHello",
    (text: string) => Buffer.concat([Buffer.from([0x0a, text.length]), Buffer.from(text)]),
    (octets: Buffer) => fromBinary(HelloReplySchema, new Uint8Array(octets)),
    name,
    new Metadata(),
    { deadline: Date.now() + 10_000 },
    (error, answer) => resolve(error ?? answer!),
  );
  return promise;
}

const LARGE = {
  text: () => {
    throw new ConnectError("x".repeat(100_000), Code.FailedPrecondition);
  },
  wideText: () => {
    throw new ConnectError("字".repeat(100_000), Code.FailedPrecondition);
  },
  metadata: () => {
    throw new ConnectError("no", Code.FailedPrecondition, { "x-large": "x".repeat(1_000_000) });
  },
  header: ({ responseHeader }: HandlerContext) => {
    responseHeader.set("x-large", "x".repeat(1_000_000));
    throw new ConnectError("no", Code.FailedPrecondition);
  },
  trailer: ({ responseTrailer }: HandlerContext) => {
    responseTrailer.set("x-large", "x".repeat(1_000_000));
    throw new ConnectError("no", Code.FailedPrecondition);
  },
  fields: () => {
    const fields = Array.from({ length: 500 }, (_, index) => [`x-${index}`, "a"] as [string, string]);
    throw new ConnectError("no", Code.FailedPrecondition, fields);
  },
  details: () => {
    throw new ConnectError("no", Code.FailedPrecondition, undefined, [
      { desc: HelloReplySchema, value: { message: "x".repeat(1_000_000) } },
    ]);
  },
};

Deno.test("grpc-js gets the code of an error, however large its text, its details and its metadata are", async () => {
  const { server, errors } = await startServer(LARGE);
  const client = new Client(server.url.replace("http://", ""), credentials.createInsecure());
  try {
    for (const deed of Object.keys(LARGE)) {
      const error = await callByGrpcJs(client, deed) as ServiceError;
      assert.equal(error.code, status.FAILED_PRECONDITION, `${deed}: ${error.message}`);
      assert.ok(error.details.length <= 1024);
      assert.match(error.details, /\(cut\)$|left out/);
    }
    assert.deepEqual(await callByGrpcJs(client, "Ada"), {
      $typeName: "edgewire.v1.HelloReply",
      message: "Hello, Ada!",
    });
    assert.deepEqual(errors, []);
  } finally {
    client.close();
    await server.close();
  }
});

Deno.test("so does a client that takes little, in each protocol, by both versions of HTTP, and through fetch", async () => {
  const { server, routes, errors } = await startServer(LARGE);
  const handler = createFetchHandler({ routes });
  const httpClients = [100, 300, 1000, 65_536].map((maxHeaderListSize) =>
    createHttp2Client({ baseUrl: server.url, limits: { maxHeaderListSize, maxSentHeaderListSize: 65_536 } })
  );
  const fetching = createFetchClient({ fetch: async (input, init) => await handler(new Request(input, init)) });
  const byFetch = (["connect", "grpc-web"] as const).flatMap((protocol) => [
    createTransport({ baseUrl: server.url, protocol }),
    createTransport({ baseUrl: server.url, protocol, httpClient: fetching }),
  ]);
  const byHttp2 = httpClients.flatMap((httpClient) =>
    (["connect", "grpc", "grpc-web"] as Protocol[]).map((protocol) => createTransport({ httpClient, protocol }))
  );
  try {
    // Of those that announce less than every answer has, the first ones, only the server is to be unharmed.
    for (const [index, transport] of [...byHttp2, ...byFetch].entries()) {
      for (const deed of Object.keys(LARGE)) {
        const error = await failureOf(transport, deed);
        assert.ok(error.rawMessage.length <= 1024);
        if (index >= 3) {
          assert.equal(Code[error.code], "FailedPrecondition", `transport ${index}, ${deed}: ${error.rawMessage}`);
        }
      }
    }
    assert.deepEqual(errors, []);
  } finally {
    await Promise.all(httpClients.map((client) => client.close()));
    await server.close();
  }
});

async function failureOf(transport: Transport, name: string, header?: HeadersInit): Promise<ConnectError> {
  try {
    await createClient(Greeter, transport).sayHello({ name }, { headers: header ?? {}, timeoutMs: 10_000 });
  } catch (error) {
    assert.ok(error instanceof ConnectError);
    return error;
  }
  throw new Error("The call did not fail");
}

Deno.test("a request that the server does not take fails before it is sent, and names the sizes", async () => {
  const { server } = await startServer({}, { http2: { maxHeaderListSize: 1000 } });
  const httpClient = createHttp2Client({ baseUrl: server.url });
  try {
    for (const protocol of ["connect", "grpc", "grpc-web"] as const) {
      const transport = createTransport({ httpClient, protocol });
      await createClient(Greeter, transport).sayHello({ name: "a" }, { headers: { x: "y".repeat(400) } });
      for (let repeat = 0; repeat < 2; repeat++) { // The first one waited for the connection.
        const error = await failureOf(transport, "a", { x: "y".repeat(1000) });
        assert.equal(Code[error.code], "ResourceExhausted");
        assert.match(
          error.rawMessage,
          /^cannot send the request: Cannot send a field section of 1\d\d\d bytes: the peer's SETTINGS_MAX_HEADER_LIST_SIZE is 1000$/,
        );
      }
    }
    const waiting = createHttp2Client({ baseUrl: server.url });
    const error = await failureOf(createTransport({ httpClient: waiting }), "a", { x: "y".repeat(70_000) });
    assert.equal(Code[error.code], "ResourceExhausted");
    await waiting.close();
  } finally {
    await httpClient.close();
    await server.close();
  }
});

Deno.test("a listener that throws when the client gives up ends nothing, in each protocol and version", async () => {
  let waiting = 0;
  const wait = async ({ signal }: HandlerContext) => {
    signal.addEventListener("abort", () => {
      throw new Error("listener");
    });
    AbortSignal.any([signal]).onabort = () => {
      throw new Error("dependent listener");
    };
    waiting++;
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
  };
  const uncaught = await uncaughtDuring(async () => {
    const fallback = async (request: Request) => {
      await wait({ signal: request.signal } as HandlerContext);
      return new Response("late");
    };
    const { server, errors } = await startServer({ wait }, { fallback });
    const httpClient = createHttp2Client({ baseUrl: server.url });
    const transports = [
      createTransport({ baseUrl: server.url }),
      createTransport({ baseUrl: server.url, protocol: "grpc-web" }),
      ...(["connect", "grpc", "grpc-web"] as const).map((protocol) => createTransport({ httpClient, protocol })),
    ];
    try {
      for (const [index, transport] of transports.entries()) {
        const abort = new AbortController();
        const call = createClient(Greeter, transport).sayHello({ name: "wait" }, { signal: abort.signal });
        await until(() => waiting === index + 1);
        abort.abort();
        await assert.rejects(call);
        await until(() => errors.length === index + 1);
      }
      for (const version of ["1.1", "2"] as const) {
        const before = errors.length;
        const abort = new AbortController();
        const client = Deno.createHttpClient({ http1: version === "1.1", http2: version === "2" });
        const fetching = fetch(`${server.url}/page`, { client, signal: abort.signal });
        await until(() => waiting === before + 1);
        abort.abort();
        await assert.rejects(fetching);
        await until(() => errors.length === before + 1);
        client.close();
      }
      // The connection itself may be gone.
      const raw = await RawClient.connect({ hostname: "127.0.0.1", port: Number(new URL(server.url).port) });
      const body = '{"name":"wait"}';
      await raw.send(
        `POST /edgewire.v1.Greeter/SayHello HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
      );
      const before = errors.length;
      await until(() => waiting === before + 1);
      raw.socket.close();
      await until(() => errors.length === before + 1);
      assert.ok(errors.every((error) => /listener/.test(String(error))));
      const answer = await createClient(Greeter, transports[3]!).sayHello({ name: "Ada" });
      assert.equal(answer.message, "Hello, Ada!");
    } finally {
      await httpClient.close();
      await within(5000, server.close());
    }
  });
  assert.deepEqual(uncaught, []);
});

Deno.test("callbacks of the server that throw end no connection but their own", async () => {
  const fail = () => {
    throw new Error("callback");
  };
  const { error } = console;
  console.error = () => {};
  try {
    const uncaught = await uncaughtDuring(async () => {
      const { server } = await startServer({ fail }, {
        onError: fail,
        onConnectionEnd: fail,
        fallback: fail,
        observers: [{ begin: fail }],
      });
      const address = { hostname: "127.0.0.1", port: Number(new URL(server.url).port) };
      const httpClient = createHttp2Client({ baseUrl: server.url });
      const transport = createTransport({ httpClient, protocol: "grpc" });
      try {
        assert.equal((await failureOf(transport, "fail")).code, Code.Internal);
        assert.equal((await fetch(`${server.url}/page`)).status, 500);
        const other = await connectHttp2(address);
        await other.close();
        const stranger = await Deno.connect(address);
        await stranger.write(new TextEncoder().encode("\0\0\0\0"));
        await until(() => server.connectionCount <= 2);
        stranger.close();
        assert.equal((await createClient(Greeter, transport).sayHello({ name: "Ada" })).message, "Hello, Ada!");
      } finally {
        await httpClient.close();
        await within(5000, server.close());
      }
    });
    assert.deepEqual(uncaught, []);
  } finally {
    console.error = error;
  }
});
