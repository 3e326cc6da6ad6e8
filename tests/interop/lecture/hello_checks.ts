/** Hello World: the lecture's client and newer ones with our server, our clients with the lecture's server. */
import assert from "node:assert/strict";
import { Code } from "@connectrpc/connect";
import { Greeter } from "../../../gen/edgewire/v1/greeter_pb.ts";
import { Greeter as LectureGreeter } from "../../../gen/hello_pb.ts";
import type { Verdict } from "../../conformance/verdict.ts";
import type { Certificate } from "../../support/certificate.ts";
import { assertConnectError } from "../../support/connect_error.ts";
import { type Check, runChecks } from "../checks.ts";
import { endsWell, runOurClient, startOurServer, withClients } from "./ours.ts";
import { type LectureProgram, type Programs, runLecture, startLecture } from "./programs.ts";

/** The lecture's, which nobody can have it change. */
const LECTURE_PORT = "50051";

/** More calls at a time than the lecture's server has threads. */
const CALLS_AT_ONCE = 50;

/** The lecture's client in Python, as it is, and `deno task serve` where it looks for it. */
export async function judgeHelloClient({ helloClient }: Programs): Promise<Verdict> {
  await using server = await startOurServer(undefined, ["--port", LECTURE_PORT]);
  return await runChecks("the lecture's client and our server, plain", [
    [`SayHello on localhost:${LECTURE_PORT}`, async () => {
      assert.deepEqual(await runLecture(helloClient, []), ["Hello, World!"]);
    }],
    endsWell(server),
  ]);
}

/** Clients in Python and C++ that know a method which our server does not have. */
export async function judgeClients(
  { newerPythonClient, newerCppClient }: Programs,
  certificate: Certificate | undefined,
  channel: string,
): Promise<Verdict> {
  await using server = await startOurServer(certificate);
  const roots = certificate === undefined ? [] : [certificate.certPath];
  const address = `localhost:${new URL(server.url).port}`;
  const check = (language: string, client: LectureProgram): Check => [
    `${language}: SayHello, and UNIMPLEMENTED for SayGoodbye`,
    async () => {
      const lines = await runLecture(client, [address, ...roots]);
      assert.deepEqual(lines, ["Hello, World!", `${Code.Unimplemented} no method /Greeter/SayGoodbye`]);
    },
  ];
  return await runChecks(`clients in Python and C++ and our server, ${channel}`, [
    check("Python", newerPythonClient),
    check("C++", newerCppClient),
    endsWell(server),
  ]);
}

/** The lecture's server in Python, as it is or by TLS, and our clients. */
export async function judgeHelloServer(
  { helloServer, helloServerTls }: Programs,
  certificate: Certificate | undefined,
  channel: string,
): Promise<Verdict> {
  await using server = await startLecture(certificate === undefined ? helloServer : helloServerTls, [], certificate);
  const { url } = server;
  return await runChecks(`our clients and the lecture's server, ${channel}`, [
    ["SayHello", () =>
      withClients(certificate, url, async (clientOf) => {
        const { message } = await clientOf(LectureGreeter).sayHello({ name: "Wörld" });
        assert.equal(message, "Hello, Wörld!");
      })],
    ["deno task client hello", async () => {
      assert.equal(await runOurClient(certificate, url, "hello", "Ada"), "Hello, Ada!\n");
    }],
    [`${CALLS_AT_ONCE} at once, of ten threads`, () =>
      withClients(certificate, url, async (clientOf) => {
        const greeter = clientOf(LectureGreeter);
        const names = Array.from({ length: CALLS_AT_ONCE }, (_, index) => `${index}`);
        const replies = await Promise.all(names.map((name) => greeter.sayHello({ name })));
        assert.deepEqual(replies.map(({ message }) => message), names.map((name) => `Hello, ${name}!`));
      })],
    ["UNIMPLEMENTED for a service that it lacks", () =>
      withClients(certificate, url, async (clientOf) => {
        await assertConnectError(clientOf(Greeter).sayHello({}), Code.Unimplemented, "Method not found!");
      })],
  ]);
}
