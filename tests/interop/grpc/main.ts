/** gRPC's own interop tests: its cases with the programs of grpc-go, compressed ones with grpcio, and servers that misbehave. */
import type { Verdict } from "../../conformance/verdict.ts";
import { makeCertificate } from "../../support/certificate.ts";
import { buildDescriptors } from "../descriptors.ts";
import { judgeCompressed } from "./compressed.ts";
import { judgeGrpcGoClient, judgeGrpcGoServer } from "./grpc_go.ts";
import { judgeMisbehavingServer } from "./misbehaving_server.ts";
import { readTestSchema, TEST_PROTOS } from "./test_schema.ts";

/** See the top of the file. */
export async function* judgeGrpc(): AsyncGenerator<Verdict> {
  await using certificate = await makeCertificate();
  await using descriptors = await buildDescriptors(TEST_PROTOS);
  const schema = readTestSchema(await Deno.readFile(descriptors.path));
  for (const tls of [undefined, certificate]) {
    yield await judgeGrpcGoClient(schema, tls);
    yield await judgeGrpcGoServer(schema, tls);
  }
  yield* judgeCompressed(schema, descriptors.path);
  yield await judgeMisbehavingServer(schema);
}
