/** What a call inherits from the call that it is made for. */
import { type ContextKey, createContextKey, type HandlerContext } from "@connectrpc/connect";

/** The call that a handler answers. Its `HandlerContext` is one. */
export type InheritedCall = Pick<HandlerContext, "signal" | "timeoutMs" | "requestHeader">;

/**
 * The call for which another one is made. Handlers pass it on with all other context values, and our transports then give the other call what is left
 * of the deadline, the cancellation, and the trace context (W3C: `traceparent`, `tracestate`, `baggage`).
 *
 * ```ts
 * import type { Client, HandlerContext } from "@connectrpc/connect";
 * import { inheritedCallKey } from "@edgewire/edgewire/fetch";
 * import type { Hash } from "./gen/edgewire/v1/hash_pb.ts";
 *
 * export async function digestOf(input: string, hash: Client<typeof Hash>, context: HandlerContext): Promise<string> {
 *   return (await hash.sha({ input }, { contextValues: context.values })).digest;
 * }
 *
 * // For calls that are to go on when this one is over.
 * export function disinherit(context: HandlerContext): void {
 *   context.values.delete(inheritedCallKey);
 * }
 * ```
 */
export const inheritedCallKey: ContextKey<InheritedCall | undefined> = createContextKey<InheritedCall | undefined>(
  undefined,
  { description: "inherited call" },
);
