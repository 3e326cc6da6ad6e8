/** Asks a gRPC server by grpc-js whether its answers are right: `node check.mjs PORT`. */
import assert from "node:assert/strict";
import { credentials } from "@grpc/grpc-js";
import { Greeter, Streams } from "./protos.mjs";

const address = `127.0.0.1:${process.argv[2]}`;
const greeter = new Greeter(address, credentials.createInsecure());
const reply = await new Promise((resolve, reject) =>
  greeter.sayHello({ name: "World" }, (error, reply) => error ? reject(error) : resolve(reply))
);
assert.deepEqual({ ...reply }, { message: "Hello, World!" });

const streams = new Streams(address, credentials.createInsecure());
let answers = 0;
for await (const { message } of streams.sayMany({ name: "World", count: 1000 })) {
  assert.equal(message, "Hello, World!");
  answers++;
}
assert.equal(answers, 1000);
greeter.close();
streams.close();
