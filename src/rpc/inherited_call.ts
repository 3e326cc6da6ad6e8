/** What a call inherits from the call that it is made for. */
import { type ContextKey, createContextKey, type HandlerContext } from "@connectrpc/connect";

/** The call that a handler answers. Its `HandlerContext` is one. */
export type InheritedCall = Pick<HandlerContext, "signal" | "timeoutMs" | "requestHeader">;

/**
 * The call for which another one is made. Handlers pass it on with all other context values, `client.sha(request, { contextValues: context.values })`,
 * and our transports then give the call what is left of the deadline, the cancellation, and the trace context (W3C: `traceparent`, `tracestate`, `baggage`).
 */
export const inheritedCallKey: ContextKey<InheritedCall | undefined> = createContextKey<InheritedCall | undefined>(
  undefined,
  { description: "inherited call" },
);
