/** What handlers throw, and what is made of it in each protocol: to the field and the octet. */
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { HelloRequestSchema } from "../../../gen/edgewire/v1/greeter_pb.ts";
import { ascii } from "../../support/frame_builder.ts";
import { readAnswer } from "../../support/rpc_answer.ts";
import {
  callOne,
  type CallOptions,
  CALLS,
  each,
  type Impl,
  isEnveloped,
  METHODS,
  PROTOCOLS,
  readEnvelopes,
} from "../../support/rpc_scene.ts";
import { SampleSchema } from "../../support/sample_service.ts";

const DETAIL = { desc: HelloRequestSchema, value: { name: "x" } };

function richError(): ConnectError {
  const error = new ConnectError("überall\n100%", Code.FailedPrecondition, { "a-bin": "AQ", "b": "1" }, [DETAIL]);
  error.metadata.append("b", "2");
  return error;
}

Deno.test("gRPC says a ConnectError with details and metadata, in trailers alone when nothing was sent", async () => {
  const status = "grpc-status=9 grpc-message=%C3%BCberall%0A100%25 grpc-status-details-bin=" +
    "CAkSDcO8YmVyYWxsCjEwMCUaMwosdHlwZS5nb29nbGVhcGlzLmNvbS9lZGdld2lyZS52MS5IZWxsb1JlcXVlc3QSAwoBeA a-bin=AQ b=1, 2";
  const head = "content-type=application/grpc+proto";
  for (const method of METHODS) {
    const impl = each(() => {
      throw richError();
    });
    const { exchange, errors } = await callOne(impl, { method });
    assert.deepEqual(exchange.log, [`respond :status=200 ${head} ${status} end`]);
    assert.deepEqual(errors, []);
  }
  const late = await callOne({
    async *serverStream() {
      yield { text: "a" };
      throw richError();
    },
  }, { method: "ServerStream" });
  assert.deepEqual(late.exchange.log, [`respond :status=200 ${head}`, `trailers ${status}`]);
});

Deno.test("gRPC-Web says it in its last envelope", async () => {
  const trailers = "grpc-status: 9\r\ngrpc-message: %C3%BCberall%0A100%25\r\ngrpc-status-details-bin: " +
    "CAkSDcO8YmVyYWxsCjEwMCUaMwosdHlwZS5nb29nbGVhcGlzLmNvbS9lZGdld2lyZS52MS5IZWxsb1JlcXVlc3QSAwoBeA\r\n" +
    "a-bin: AQ\r\nb: 1, 2\r\n";
  for (const method of METHODS) {
    const impl = each(() => {
      throw richError();
    });
    const { exchange } = await callOne(impl, { protocol: "grpc-web", method });
    assert.equal(exchange.log.length, 2);
    assert.deepEqual(readEnvelopes(exchange.content), [[0x80, trailers]]);
  }
});

Deno.test("Connect says it in JSON: with a status of its own, or in the last envelope of a stream", async () => {
  const error = {
    code: "failed_precondition",
    message: "überall\n100%",
    details: [{ type: "edgewire.v1.HelloRequest", value: "CgF4", debug: { name: "x" } }],
  };
  for (const method of METHODS) {
    const impl = each(() => {
      throw richError();
    });
    const { exchange } = await callOne(impl, { protocol: "connect", method });
    if (method === "Unary") {
      assert.deepEqual(exchange.log, ["respond :status=400 content-type=application/json a-bin=AQ b=1, 2", "end"]);
      assert.deepEqual(JSON.parse(new TextDecoder().decode(exchange.content)), error);
    } else {
      const [[flags, text] = [0, ""], ...rest] = readEnvelopes(exchange.content);
      assert.deepEqual([flags, rest], [2, []]);
      assert.deepEqual(JSON.parse(text), { error, metadata: { "a-bin": ["AQ"], b: ["1, 2"] } });
    }
  }
});

Deno.test("each code has its status in Connect", async () => {
  const statuses = [0, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401];
  for (let code = 1; code <= 16; code++) {
    const { exchange } = await callOne({
      unary: () => {
        throw new ConnectError("", code);
      },
    }, { protocol: "connect" });
    assert.match(exchange.log[0]!, new RegExp(`^respond :status=${statuses[code]} `));
  }
});

Deno.test("what is no ConnectError is internal without its text, and told once", async () => {
  for (const { protocol, method } of CALLS) {
    for (
      const secret of [
        new Error("secret"),
        "secret",
        undefined,
        null,
        { secret: 1 },
        new DOMException("secret", "AbortError"),
      ]
    ) {
      const impl = each(() => {
        throw secret;
      });
      const { exchange, errors } = await callOne(impl, { protocol, method });
      assert.deepEqual(readAnswer(exchange, { protocol, method }), {
        messages: [],
        code: "internal",
        message: "internal error",
      });
      assert.deepEqual(errors, [secret]);
      assert.ok(!exchange.log.join().includes("secret"));
    }
  }
});

Deno.test("errors of a system that is out of descriptors or memory are resource_exhausted, and others of it internal", async () => {
  const systemError = (code: string) => Object.assign(new Error(`secret (${code})`), { code });
  const exhausted = ["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"].map(systemError);
  const uncoded = new Error("Too many open files (os error 24)");
  for (const call of CALLS) {
    for (const error of [...exhausted, uncoded, systemError("ENOENT"), new Error("Not found (os error 2)")]) {
      const { exchange, errors } = await callOne(
        each(() => {
          throw error;
        }),
        call,
      );
      const isExhausted = exhausted.includes(error as typeof exhausted[number]) || error === uncoded;
      assert.deepEqual(readAnswer(exchange, call), {
        messages: [],
        code: isExhausted ? "resource_exhausted" : "internal",
        message: isExhausted ? "the server is out of file descriptors or memory" : "internal error",
      });
      assert.deepEqual(errors, [error]);
    }
  }
});

Deno.test("who is told may make mistakes, too: the client is answered all the same", async () => {
  const { error } = console;
  const logged: unknown[] = [];
  console.error = (...items) => logged.push(...items);
  const mistake = new Error("broken logger");
  try {
    for (const { protocol, method } of CALLS) {
      const impl = each(() => {
        throw new Error("secret");
      });
      const { exchange } = await callOne(impl, { protocol, method }, {
        onError: () => {
          throw mistake;
        },
      });
      assert.equal(readAnswer(exchange, { protocol, method }).code, "internal");
    }
  } finally {
    console.error = error;
  }
  assert.deepEqual(logged, CALLS.map(() => mistake));
});

Deno.test("methods that throw before they return, and those whose promise rejects, end the same", async () => {
  const failures: Impl[] = [
    {
      unary: () => {
        throw new ConnectError("no", Code.Aborted);
      },
      clientStream: () => {
        throw new ConnectError("no", Code.Aborted);
      },
      serverStream: () => {
        throw new ConnectError("no", Code.Aborted);
      },
      bidi: () => {
        throw new ConnectError("no", Code.Aborted);
      },
    },
    {
      unary: () => Promise.reject(new ConnectError("no", Code.Aborted)),
      clientStream: () => Promise.reject(new ConnectError("no", Code.Aborted)),
    },
  ];
  for (const impl of failures) {
    for (const { protocol, method } of CALLS) {
      const { exchange, errors } = await callOne(impl, { protocol, method });
      const { code } = readAnswer(exchange, { protocol, method });
      assert.equal(
        code,
        impl === failures[0] || method === "Unary" || method === "ClientStream" ? "aborted" : "unimplemented",
      );
      assert.deepEqual(errors, []);
    }
  }
});

Deno.test("a handler that gives what is no message, or no stream, has made a mistake", async () => {
  const wrong: [Impl, CallOptions["method"]][] = [
    [{ unary: () => ({ number: 1.5 }) }, "Unary"],
    [{ unary: () => ({ number: 2 ** 31 }) }, "Unary"],
    [{ serverStream: (() => undefined) as never }, "ServerStream"],
    [{ bidi: (() => ({})) as never }, "Bidi"],
    [{
      async *serverStream() {
        yield { number: NaN };
      },
    }, "ServerStream"],
  ];
  for (const [impl, method] of wrong) {
    for (const protocol of PROTOCOLS) {
      const { exchange, errors } = await callOne(impl, { protocol, method: method! });
      assert.equal(readAnswer(exchange, { protocol, method: method! }).code, "internal");
      assert.equal(errors.length, 1);
    }
  }
});

Deno.test("they arrive with errors, too", async () => {
  const impl = each(({ responseHeader, responseTrailer }) => {
    responseHeader.set("h", "1");
    responseTrailer.set("t", "2");
    throw new ConnectError("no", Code.Aborted, { e: "3" });
  });
  for (const { protocol, method } of CALLS) {
    const { exchange } = await callOne(impl, { protocol, method });
    const all = `${exchange.log.join("\n")}\n${new TextDecoder().decode(exchange.content)}`;
    assert.match(all, /^respond .* h=1/);
    assert.match(all, /t(=2|: 2|":\["2"\])/);
    assert.match(all, /e(=3|: 3|":\["3"\])/);
    assert.equal(readAnswer(exchange, { protocol, method }).code, "aborted");
  }
});

Deno.test("fields that cannot be sent make it internal, told once, and nothing hangs", async () => {
  const mistakes: ((context: HandlerContext) => void)[] = [
    ({ responseHeader }) => responseHeader.set("unsendable", "a"),
    ({ responseTrailer }) => responseTrailer.set("unsendable", "a"),
    () => {
      throw new ConnectError("no", Code.Aborted, { unsendable: "a" });
    },
    ({ responseHeader }) => {
      responseHeader.set("unsendable", "a");
      throw new ConnectError("no", Code.Aborted);
    },
  ];
  for (const { protocol, method } of CALLS) {
    for (const [index, mistake] of mistakes.entries()) {
      const { exchange, errors } = await callOne(each(mistake), { protocol, method });
      const { code } = readAnswer(exchange, { protocol, method });
      // What is in a content is not a field: there it can be sent.
      const isContent = index > 0 && index < 3 && (protocol === "grpc-web" || isEnveloped(protocol, method)) &&
        protocol !== "grpc";
      assert.equal(code, isContent ? (index === 1 ? "ok" : "aborted") : "internal", `${protocol} ${method} ${index}`);
      assert.equal(errors.length, isContent ? 0 : 1, `${protocol} ${method} ${index}: ${errors}`);
    }
  }
});

Deno.test("details that cannot be encoded are left out: they must not hide the error", async () => {
  const impl = each(() => {
    throw new ConnectError("no", Code.Aborted, undefined, [{ desc: SampleSchema, value: { number: 1.5 } }]);
  });
  for (const { protocol, method } of CALLS) {
    const { exchange, errors } = await callOne(impl, { protocol, method });
    assert.deepEqual(readAnswer(exchange, { protocol, method }), { messages: [], code: "aborted", message: "no" });
    assert.deepEqual(errors, []);
  }
});

Deno.test("a line break cannot be smuggled into trailers of gRPC-Web", () => {
  const headers = new Headers();
  assert.throws(() => headers.set("a", "b\r\ngrpc-status: 0"), TypeError);
});

Deno.test("the content type of the answer is that of the request, and of errors JSON's", async () => {
  for (const codec of ["proto", "json"] as const) {
    const { exchange } = await callOne(
      each(() => {
        throw new ConnectError("no", Code.NotFound);
      }),
      { protocol: "connect", codec },
    );
    assert.deepEqual(exchange.log, ["respond :status=404 content-type=application/json", "end"]);
    assert.deepEqual(exchange.content, ascii('{"code":"not_found","message":"no"}'));
  }
});
