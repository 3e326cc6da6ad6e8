/** The services of the benchmark as grpc-js has them: from the protos, whose folders are in the variable PROTO_PATH. */
import { loadPackageDefinition } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

const names = ["blobs", "profiles", "streams"].map((name) => `edgewire/bench/v1/${name}.proto`);
const definition = loadSync(["hello.proto", ...names], { includeDirs: process.env.PROTO_PATH.split(":") });
const loaded = loadPackageDefinition(definition);

export const { Greeter } = loaded;
export const { Blobs, Profiles, Streams } = loaded.edgewire.bench.v1;
