/** The Greeter on connect-es as a fetch handler. `serve_fetch.ts` serves it, and runtimes of edges. */
import { createConnectRouter } from "@connectrpc/connect";
import { createFetchHandler } from "@connectrpc/connect/protocol";
import { Greeter } from "../../../gen/hello_pb.ts";

const router = createConnectRouter();
router.service(Greeter, { sayHello: ({ name }) => ({ message: `Hello, ${name}!` }) });
const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, createFetchHandler(handler)]));

export default {
  async fetch(request: Request): Promise<Response> {
    const handler = handlers.get(new URL(request.url).pathname);
    return handler === undefined ? new Response(null, { status: 404 }) : await handler(request);
  },
};
