/**
 * Edgewire where there is `fetch` and little else: browsers, edges, Bun, Node. Services as a `fetch` handler, and clients of services, by Connect and
 * gRPC-Web. What servers of our own and gRPC need is in the main entry, which has all of this, too.
 *
 * Generated codecs (`x_codec.ts` beside `x_pb.ts`) are used here as there. Messages that have none are compiled by the main entry, and left to
 * protobuf-es by this one, which is to be small.
 *
 * ```ts
 * import type { ConnectRouter } from "@connectrpc/connect";
 * import { createFetchHandler } from "@edgewire/edgewire/fetch";
 * import { Greeter } from "./gen/edgewire/v1/greeter_pb.ts";
 *
 * export const routes = (router: ConnectRouter) => {
 *   router.service(Greeter, { sayHello: ({ name }) => ({ message: `Hello, ${name}!` }) });
 * };
 *
 * export default { fetch: createFetchHandler({ routes }) };
 * ```
 *
 * @module
 */
export type {
  CallError,
  CallHandler,
  ConnectionInfo,
  HeaderField,
  HttpCall,
  HttpClient,
  LimitChanges,
  ResponseHead,
  WaitingCall,
} from "./src/http/mod.ts";
export {
  type BinaryOptions,
  type CallObserver,
  type CallWatch,
  type Compression,
  connectionKey,
  createFetchClient,
  createFetchHandler,
  createInProcessTransport,
  createTransport,
  createWebCompressions,
  type EndedCall,
  type ErrorLimits,
  type FetchClientOptions,
  type FetchHandler,
  type FetchHandlerOptions,
  type InheritedCall,
  inheritedCallKey,
  type InProcessTransportOptions,
  type JsonOptions,
  type MessageReader,
  type MessageWriter,
  type ObservedCall,
  type Protocol,
  reading,
  type ReadingImpl,
  type RpcOptions,
  type TransportOptions,
  writing,
  type WritingImpl,
} from "./src/rpc/mod.ts";
