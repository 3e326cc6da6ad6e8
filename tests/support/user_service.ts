/** What a user writes: a service, for our server by `routes` and for edges by `fetch`. */
import type { ConnectRouter } from "@connectrpc/connect";
import { createFetchHandler } from "../../fetch.ts";
import { Greeter } from "../../gen/edgewire/v1/greeter_pb.ts";

export const routes = (router: ConnectRouter) => {
  router.service(Greeter, { sayHello: ({ name }) => ({ message: `Hello, ${name}!` }) });
};

export default { fetch: createFetchHandler({ routes }) };
