/** The Greeter and Streams as grpc-js has them: from the protos, whose folders are in the variable PROTO_PATH. */
import { loadPackageDefinition } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

const definition = loadSync(["hello.proto", "edgewire/bench/v1/streams.proto"], {
  includeDirs: process.env.PROTO_PATH.split(":"),
});
const loaded = loadPackageDefinition(definition);

export const Greeter = loaded.Greeter;
export const Streams = loaded.edgewire.bench.v1.Streams;
