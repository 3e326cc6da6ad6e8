/** Which services a server has, for those who tell of them: health and reflection. */
import type { DescService } from "@bufbuild/protobuf";
import type { ConnectRouter } from "@connectrpc/connect";

/** The services that routes add to a router, in their order. */
export function servicesOf(routes: (router: ConnectRouter) => void): DescService[] {
  const services = new Set<DescService>();
  const router: ConnectRouter = {
    handlers: [],
    service: (service) => {
      services.add(service);
      return router;
    },
    rpc: ({ parent }) => {
      services.add(parent);
      return router;
    },
  };
  routes(router);
  return [...services];
}
