/** The Greeter and Streams on grpc-js: `node grpc_js_server.mjs PORT`. */
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { Greeter, Streams } from "./protos.mjs";

const server = new Server();
server.addService(Greeter.service, {
  sayHello: ({ request }, answer) => answer(null, { message: `Hello, ${request.name}!` }),
});
server.addService(Streams.service, {
  sayMany(call) {
    const { name, count } = call.request;
    for (let index = 0; index < count; index++) {
      call.write({ message: `Hello, ${name}!` });
    }
    call.end();
  },
});
server.bindAsync(`127.0.0.1:${process.argv[2]}`, ServerCredentials.createInsecure(), (error) => {
  if (error) {
    throw error;
  }
  console.log("ready");
});
