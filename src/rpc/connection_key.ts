/** What a handler may know of the connection that its call came by. */
import { type ContextKey, createContextKey } from "@connectrpc/connect";
import type { ConnectionInfo } from "../http/mod.ts";

/**
 * The connection of a call: `context.values.get(connectionKey)?.peer`. Undefined where the runtime does not say, as on edges, and for calls within the
 * process.
 */
export const connectionKey: ContextKey<ConnectionInfo | undefined> = createContextKey<ConnectionInfo | undefined>(
  undefined,
  { description: "connection" },
);
