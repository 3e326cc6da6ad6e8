/** The echo of `../deno/echo_server.ts` on Node's `http2`: `node http2_echo_server.mjs PORT`. */
import { createServer } from "node:http2";

const server = createServer();
server.on("stream", (stream) => {
  const chunks = [];
  stream.on("data", (chunk) => chunks.push(chunk));
  stream.on("end", () => {
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
    stream.end(Buffer.concat(chunks));
  });
  stream.on("error", () => {});
});
server.listen(Number(process.argv[2]), "127.0.0.1", () => console.log("ready"));
