/** The Greeter as Edgewire's fetch handler. `serve_fetch.ts` serves it, and runtimes of edges. */
import { createFetchHandler } from "../../../fetch.ts";
import { Greeter } from "../../../gen/hello_codec.ts";

export default {
  fetch: createFetchHandler({
    routes: (router) => router.service(Greeter, { sayHello: ({ name }) => ({ message: `Hello, ${name}!` }) }),
  }),
};
