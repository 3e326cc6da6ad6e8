/** Asks a gRPC server by grpc-js whether a method's answers are right: `node check.mjs PORT METHOD [CERT]`. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { credentials, Metadata } from "@grpc/grpc-js";
import { Blobs, Greeter, Profiles, Streams } from "./protos.mjs";

const MEBIBYTE = 1024 * 1024;
const [port, method, cert] = process.argv.slice(2);

function connect(Client) {
  const channel = cert === undefined ? credentials.createInsecure() : credentials.createSsl(readFileSync(cert));
  return new Client(`localhost:${port}`, channel);
}

/** Makes a call by `start`, which is given what takes its answer, and gives the answer. */
function answer(start) {
  return new Promise((resolve, reject) => start((error, reply) => error ? reject(error) : resolve(reply)));
}

const checks = {
  async SayHello() {
    const reply = await answer((done) => connect(Greeter).sayHello({ name: "World" }, done));
    assert.equal(reply.message, "Hello, World!");
  },
  async EchoProfile() {
    const pets = [{ name: "Rex", color: 1 }, { name: "Tom", color: 2 }];
    const profile = { name: "Ada", weight: 61.5, height: 1.5, tame: true, count: 7, word: "chosen", pets };
    const reply = await answer((done) => connect(Profiles).echoProfile({ profile }, done));
    assert.deepEqual({ ...profile, ...reply.profile }, { ...reply.profile, ...profile });
  },
  async EchoBlob() {
    const data = Buffer.alloc(MEBIBYTE, 7);
    const reply = await answer((done) => connect(Blobs).echoBlob({ data }, done));
    assert(data.equals(reply.data));
    const zipped = new Metadata();
    zipped.set("grpc-internal-encoding-request", "gzip");
    const same = await answer((done) => connect(Blobs).echoBlob({ data: data.subarray(5) }, zipped, done));
    assert(data.subarray(5).equals(same.data));
  },
  async SayMany() {
    let answers = 0;
    for await (const { message } of connect(Streams).sayMany({ name: "World", count: 1000 })) {
      assert.equal(message, "Hello, World!");
      answers++;
    }
    assert.equal(answers, 1000);
  },
  async Count() {
    const reply = await answer((done) => {
      const call = connect(Streams).count(done);
      for (let sent = 0; sent < 1000; sent++) {
        call.write({ name: "World" });
      }
      call.end();
    });
    assert.equal(reply.count, 1000);
  },
  async PingPong() {
    const call = connect(Streams).pingPong();
    let left = 10;
    call.write({ name: "World" });
    for await (const { message } of call) {
      assert.equal(message, "Hello, World!");
      --left > 0 ? call.write({ name: "World" }) : call.end();
    }
    assert.equal(left, 0);
  },
  async Upload() {
    const chunk = Buffer.alloc(65_536, 7);
    const reply = await answer((done) => {
      const call = connect(Blobs).upload(done);
      call.write({ chunk });
      call.write({ chunk });
      call.end();
    });
    assert(createHash("sha256").update(chunk).update(chunk).digest().equals(reply.sha256));
  },
  async Download() {
    let length = 0;
    for await (const { chunk } of connect(Blobs).download({ count: 3, chunkBytes: 65_536 })) {
      length += chunk.length;
    }
    assert.equal(length, 3 * 65_536);
  },
};

await checks[method]();
process.exit();
