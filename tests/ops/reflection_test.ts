import { createClient } from "@connectrpc/connect";
import { fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import assert from "node:assert/strict";
import { File } from "../../gen/edgewire/v1/file_pb.ts";
import { Greeter } from "../../gen/hello_pb.ts";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionAlpha } from "../../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { createReflectionRoutes } from "../../src/ops/mod.ts";
import { createInProcessTransport } from "../../src/rpc/mod.ts";
import { each } from "../support/bytes.ts";

/** Of either version. */
type Question =
  | { case: "fileByFilename" | "fileContainingSymbol" | "allExtensionNumbersOfType" | "listServices"; value: string }
  | { case: "fileContainingExtension"; value: { containingType: string; extensionNumber: number } }
  | { case: undefined };

const transport = createInProcessTransport(createReflectionRoutes([Greeter, File]));

async function answers(...questions: Question[]) {
  const requests = questions.map((messageRequest) => ({ host: "a", messageRequest }));
  const all = await Array.fromAsync(createClient(ServerReflection, transport).serverReflectionInfo(each(requests)));
  const alpha = await Array.fromAsync(
    createClient(ServerReflectionAlpha, transport).serverReflectionInfo(each(requests)),
  );
  const withoutNames = (messages: unknown) =>
    JSON.stringify(messages, (key, value) => key === "$typeName" ? undefined : value);
  assert.equal(withoutNames(alpha), withoutNames(all), "both versions answer alike");
  assert(all.every(({ validHost }) => validHost === "a"));
  assert.deepEqual(
    all.map(({ originalRequest }) => originalRequest?.messageRequest.case),
    questions.map((each) => each.case),
  );
  return all.map(({ messageResponse }) => messageResponse);
}

/** The names of the files that are the answer to each question, or why there are none. */
async function files(...questions: Question[]): Promise<(string[] | string)[]> {
  return (await answers(...questions)).map((answer) => {
    if (answer.case === "errorResponse") {
      return `${answer.value.errorCode} ${answer.value.errorMessage}`;
    }
    assert.equal(answer.case, "fileDescriptorResponse");
    return answer.value.fileDescriptorProto.map((octets) => fromBinary(FileDescriptorProtoSchema, octets).name);
  });
}

const symbol = (value: string): Question => ({ case: "fileContainingSymbol", value });

Deno.test("reflection lists the services, itself included", async () => {
  const [answer] = await answers({ case: "listServices", value: "*" });
  assert.equal(answer?.case, "listServicesResponse");
  assert.deepEqual(answer.value.service.map(({ name }) => name), [
    "Greeter",
    "edgewire.v1.File",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
  ]);
});

Deno.test("reflection finds files by name, with all that they need", async () => {
  assert.deepEqual(
    await files({ case: "fileByFilename", value: "edgewire/v1/file.proto" }, {
      case: "fileByFilename",
      value: "x.proto",
    }),
    [
      ["edgewire/v1/file.proto", "edgewire/v1/hash.proto", "google/protobuf/timestamp.proto"],
      '5 there is no file "x.proto"',
    ],
  );
});

Deno.test("reflection finds whatever has a name", async () => {
  const hash = ["edgewire/v1/hash.proto"];
  assert.deepEqual(
    await files(
      symbol("Greeter"),
      symbol("HelloRequest"),
      symbol("HelloRequest.name"),
      symbol("Greeter.SayHello"),
      symbol("edgewire.v1.HashAlgorithm"),
      symbol("edgewire.v1.HASH_ALGORITHM_SHA256"),
    ),
    [["hello.proto"], ["hello.proto"], ["hello.proto"], ["hello.proto"], hash, hash],
  );
  assert.deepEqual(await files(symbol("Greeter.x"), symbol("HelloRequest.x"), symbol("x"), symbol("")), [
    '5 there is no symbol "Greeter.x"',
    '5 there is no symbol "HelloRequest.x"',
    '5 there is no symbol "x"',
    '5 there is no symbol ""',
  ]);
});

Deno.test("reflection knows that there are no extensions", async () => {
  const extension = { containingType: "HelloRequest", extensionNumber: 1000 };
  const [of, none, numbers] = await answers(
    { case: "fileContainingExtension", value: extension },
    { case: "allExtensionNumbersOfType", value: "x" },
    { case: "allExtensionNumbersOfType", value: "HelloRequest" },
  );
  assert.equal(of?.case === "errorResponse" && of.value.errorMessage, 'there is no extension 1000 of "HelloRequest"');
  assert.equal(none?.case === "errorResponse" && none.value.errorMessage, 'there is no message "x"');
  assert.equal(numbers?.case, "allExtensionNumbersResponse");
  assert.deepEqual(numbers.value.extensionNumber, []);
});

Deno.test("reflection says that a question is none", async () => {
  assert.deepEqual(await files({ case: undefined }), ["3 message_request: is not set, or unknown"]);
});
