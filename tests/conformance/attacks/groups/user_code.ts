/** What a user's handlers do wrong, and callers make them do: the server goes on, and the caller hears that it failed. */
import { Buffer } from "node:buffer";
import type { Attack, AttackGroup, Outcome, Target } from "../attack.ts";
import { callBlock, data, headers, join, rstStream } from "../frames.ts";
import { EMPTY, envelope, lengthDelimited, LOAD } from "../messages.ts";
import { atRate, callJson, Http2Wire, sleep, Wire } from "../sockets.ts";

/** A request whose text says what the handler is to do. */
const deed = (text: string) => envelope(lengthDelimited(1, text));

/** Calls `Do`, and goes away: by RST_STREAM, and by closing the connection. */
const goesAway = (name: string, what: string): Attack => ({
  name: name,
  title: `${what}, when the caller goes away (D.16)`,
  server: "user",
  run: async (target) => {
    const count = await atRate(target, 50, async () => {
      const http2 = await Http2Wire.connect(target).catch(() => undefined);
      if (http2 !== undefined) {
        const id = await http2.call(`${LOAD}/Do`, deed(what));
        await http2.call(`${LOAD}/Do`, deed(what));
        await sleep(5);
        await http2.wire.send(rstStream(id));
        http2.close();
      }
      const http1 = await Wire.connect(target).catch(() => undefined);
      const body = JSON.stringify({ text: what });
      await http1?.send(
        `POST ${LOAD}/Do HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
      );
      await sleep(5);
      http1?.close();
    });
    return { notes: [`${count} callers`] };
  },
});

/** Calls a method with each text, by Connect; the response must match. */
const answers = (name: string, title: string, expected: RegExp, texts: readonly string[], method = "Do"): Attack => ({
  name,
  title,
  server: "user",
  durationMs: 600,
  run: async (target): Promise<Outcome> => {
    const faults: string[] = [];
    let index = 0;
    await atRate(target, 20, async () => {
      const text = texts[index++ % texts.length]!;
      const answer = await callJson(target, `${LOAD}/${method}`, { text });
      const body = answer.text.slice(answer.text.indexOf("\r\n\r\n") + 4);
      if (!expected.test(body)) {
        faults.push(`"${text}" was answered with ${answer.status} ${JSON.stringify(body.slice(0, 100))}`);
      }
    });
    return { faults: [...new Set(faults)] };
  },
});

/** Calls a method by gRPC with each text, and only looks whether every call ends. */
const ends = (name: string, title: string, method: string, texts: readonly string[]): Attack => ({
  name,
  title,
  server: "user",
  run: async (target): Promise<Outcome> => {
    const faults: string[] = [];
    let http2 = await Http2Wire.connect(target);
    let index = 0;
    await atRate(target, 20, async () => {
      const text = texts[index++ % texts.length]!;
      const id = await http2.call(`${LOAD}/${method}`, deed(text));
      await http2.answered(id, 2000);
      if (!http2.ended.has(id)) {
        faults.push(`the call "${text}" did not end${http2.goaway && `, ${http2.goaway}`}`);
        http2.close();
        http2 = await Http2Wire.connect(target);
      }
    });
    return { faults: [...new Set(faults)] };
  },
});

/** Has grpc-js make calls whose deadline passes, beside one that waits: an honest client of a slow method. */
async function callWithDeadlines(target: Target): Promise<Outcome> {
  const { Client, credentials, status: grpcStatus } = await import("@grpc/grpc-js"); // Not for all attackers: it takes a while.
  const client = new Client(`${target.hostname}:${target.port}`, credentials.createInsecure());
  const identity = (message: Uint8Array) => Buffer.from(message);
  const faults: string[] = [];
  let isDone = false;
  const stream = client.makeBidiStreamRequest(`${LOAD}/Talk`, identity, identity);
  stream.on("data", () => {});
  stream.on("error", (error) => isDone || faults.push(`a call beside them failed: ${error.message}`));
  stream.write(lengthDelimited(1, "x"));
  const codes = new Map<string, number>();
  await atRate(target, 700, () => {
    client.makeUnaryRequest(
      `${LOAD}/Do`,
      identity,
      identity,
      lengthDelimited(1, "slow"),
      { deadline: Date.now() + 20 },
      (error) => {
        const name = grpcStatus[error?.code ?? 0]!;
        codes.set(name, (codes.get(name) ?? 0) + 1);
      },
    );
  });
  stream.write(lengthDelimited(1, "y"));
  await sleep(300);
  isDone = true;
  const others = [...codes].filter(([name]) => name !== "DEADLINE_EXCEEDED" && name !== "OK");
  if (others.length > 0) {
    faults.push(`calls ended with ${others.map(([name, count]) => `${name} (${count})`).join(", ")}`);
  }
  client.close();
  return { faults, notes: [[...codes].map(([name, count]) => `${count} ${name}`).join(", ")] };
}

export const userCode: AttackGroup = {
  name: "user-code",
  attacks: [
    goesAway("abort-listener-throws", "abort listener throws"),
    goesAway("onabort-throws", "onabort throws"),
    goesAway("derived-abort-listener-throws", "abort listener with a throwing derived signal"),
    goesAway("abort-listener-rejects", "abort listener rejects"),
    goesAway("late-rejection", "late rejection"),
    answers("thenable", "A thenable that is no native promise is awaited (D.16)", /^\{"text":"from a thenable"\}$/, [
      "thenable",
    ]),
    answers(
      "thenable-settles-twice",
      "A thenable that settles twice and throws",
      /^\{"text":"first"\}$/,
      ["thenable twice"],
    ),
    answers("thenable-fails", "Thenables that reject and throw", /"code":"(aborted|internal|unknown)"/, [
      "thenable rejects",
      "thenable throws",
    ]),
    answers(
      "returns-no-message",
      "Handlers that return nothing, text, generators: internal, not an empty message (D.16)",
      /"code":"internal"/,
      [
        "returns nothing",
        "returns null",
        "returns a string",
        "returns a number",
        "returns a generator",
        "returns an async generator",
        "returns an array",
        "returns a function",
      ],
    ),
    answers(
      "returns-wrong-message",
      "Handlers that return messages with wrong fields, a proxy that throws, 5 MiB",
      /"code":"(internal|resource_exhausted|unknown)"/,
      [
        "returns wrong fields",
        "returns a proxy",
        "returns 5 MiB",
        "returns a cycle",
      ],
    ),
    answers(
      "throws-anything",
      "Handlers that throw null, symbols, proxies and errors that throw",
      /"code":"(internal|unknown)"/,
      [
        "throws null",
        "throws undefined",
        "throws a symbol",
        "throws an object without a prototype",
        "throws what throws",
        "throws a revoked proxy",
        "throws a code that is none",
      ],
    ),
    answers("throws-too-much", "Handlers that throw errors of 4 MiB (A.5)", /^.{1,9000}$/s, ["throws 4 MiB"]),
    ends("metadata-too-long", "Handlers that set a header of 1 MiB or 500 trailers (A.5)", "Do", [
      "sets a header of 1 MiB",
      "sets 500 trailers",
      "throws metadata of 1 MiB",
    ]),
    ends("streams-of-nonsense", "Server streams that are no streams, or yield what is no message (D.16)", "Stream", [
      "nothing",
      "a string",
      "a promise",
      "an array",
      "nonsense",
      "an iterator that throws",
      "an iterator of nonsense",
    ]),
    {
      name: "streams-left",
      title: "Server streams whose iterators throw and reject when their caller goes away (D.16)",
      server: "user",
      run: async (target) => {
        const texts = ["an iterator whose return throws", "an iterator whose return rejects", "endless"];
        await atRate(target, 30, async () => {
          const http2 = await Http2Wire.connect(target).catch(() => undefined);
          for (const text of http2 === undefined ? [] : texts) {
            const id = await http2!.call(`${LOAD}/Stream`, deed(text));
            await sleep(15);
            await http2!.wire.send(rstStream(id));
          }
          await http2?.call(`${LOAD}/Stream`, deed(texts[0]!));
          await sleep(10);
          http2?.close();
        });
      },
    },
    {
      name: "bidi-left",
      title: "Generators whose `finally` throws, on calls that end in every way",
      server: "user",
      run: async (target) => {
        await atRate(target, 30, async () => {
          const http2 = await Http2Wire.connect(target).catch(() => undefined);
          for (let way = 0; way < 3 && http2 !== undefined; way++) {
            const id = http2.takeStreamId();
            await http2.wire.send(join(headers(id, callBlock(`${LOAD}/Talk`)), data(id, deed("x"), way === 0)));
            await sleep(5);
            way === 1 && await http2.wire.send(rstStream(id));
          }
          http2?.close();
        });
      },
    },
    {
      name: "client-stream-errors",
      title: "Client streams whose handler throws or answers while requests come",
      server: "user",
      run: async (target) => {
        let http2 = await Http2Wire.connect(target);
        let index = 0;
        await atRate(target, 200, async () => {
          if (http2.isClosed) {
            http2.close();
            http2 = await Http2Wire.connect(target);
          }
          const id = http2.takeStreamId();
          const messages = [deed("x"), deed(index++ % 2 === 0 ? "throw" : "stop"), deed("x"), envelope(EMPTY)];
          await http2.wire.send(join(headers(id, callBlock(`${LOAD}/Collect`)), data(id, join(...messages))));
        });
        return { notes: [http2.goaway || "no GOAWAY"] };
      },
    },
    {
      name: "handlers-without-end",
      title: "Handlers that never end, whose callers reset them and come back: 5,000 in all",
      server: "user",
      fresh: true,
      run: async (target) => {
        let [calls, connections] = [0, 0];
        while (performance.now() < target.endMs && calls < 5000) {
          const http2 = await Http2Wire.connect(target).catch(() => undefined);
          connections++;
          for (let call = 0; call < 200 && http2 !== undefined && !http2.isClosed; call++) {
            const id = await http2.call(`${LOAD}/Do`, deed("never ends"));
            await http2.wire.send(rstStream(id));
            calls++;
          }
          await sleep(10);
          http2?.close();
        }
        return { notes: [`${calls} calls on ${connections} connections`] };
      },
    },
    {
      name: "honest-deadlines",
      title:
        "grpc-js with deadlines of 20 ms on a slower method is no attacker: other calls of its connection go on (B.11)",
      server: "user",
      fresh: true,
      durationMs: 3000,
      run: callWithDeadlines,
    },
  ] satisfies readonly Attack[],
};
