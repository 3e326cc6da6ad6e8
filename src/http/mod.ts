/** What HTTP/1.1 and HTTP/2 have in common, and what the rooms above them see of both. This room performs no I/O. */
export type { CallError, CallHandler, HttpCall, HttpClient, ResponseHead, WaitingCall } from "./call.ts";
export type { HttpConnection } from "./connection.ts";
export {
  type ConnectionInfo,
  type ExchangeHandler,
  fieldValue,
  type HttpExchange,
  NO_HANDLER,
  type RequestHead,
  type ServeExchange,
} from "./exchange.ts";
export type { HeaderField } from "./header_field.ts";
