/** The Greeter, Profiles, Streams and echoes of Blobs on grpc-js: `node grpc_js_server.mjs PORT [CERT KEY]`. */
import { readFileSync } from "node:fs";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { Blobs, Greeter, Profiles, Streams } from "./protos.mjs";

const [port, cert, key] = process.argv.slice(2);
const greeting = ({ name }) => ({ message: `Hello, ${name}!` });

const server = new Server();
server.addService(Greeter.service, { sayHello: ({ request }, answer) => answer(null, greeting(request)) });
server.addService(Profiles.service, { echoProfile: ({ request }, answer) => answer(null, request) });
server.addService(Blobs.service, { echoBlob: ({ request }, answer) => answer(null, request) });
server.addService(Streams.service, {
  sayMany(call) {
    for (let index = 0; index < call.request.count; index++) {
      call.write(greeting(call.request));
    }
    call.end();
  },
  count(call, answer) {
    let count = 0;
    call.on("data", () => count++);
    call.on("end", () => answer(null, { count }));
  },
  pingPong(call) {
    call.on("data", (request) => call.write(greeting(request)));
    call.on("end", () => call.end());
  },
});
const credentials = cert === undefined
  ? ServerCredentials.createInsecure()
  : ServerCredentials.createSsl(null, [{ cert_chain: readFileSync(cert), private_key: readFileSync(key) }]);
server.bindAsync(`127.0.0.1:${port}`, credentials, (error) => {
  if (error) {
    throw error;
  }
  console.log("ready");
});
