/** What a handler may know of the connection that its call came by. */
import { type ContextKey, createContextKey } from "@connectrpc/connect";
import type { ConnectionInfo } from "../http/mod.ts";

/**
 * The connection of a call. Undefined where the runtime does not say, as on edges, and for calls within the process.
 *
 * ```ts
 * import type { HandlerContext } from "@connectrpc/connect";
 * import { connectionKey } from "@edgewire/edgewire/fetch";
 *
 * export function isFromThisMachine(context: HandlerContext): boolean {
 *   return context.values.get(connectionKey)?.peer?.hostname === "127.0.0.1";
 * }
 * ```
 */
export const connectionKey: ContextKey<ConnectionInfo | undefined> = createContextKey<ConnectionInfo | undefined>(
  undefined,
  { description: "connection" },
);
