/** Lets pages of other origins call (CORS, Fetch Standard §3.2). */
import { cors as fields } from "@connectrpc/connect";
import { Hono } from "hono";
import { cors } from "hono/cors";
import type { FetchHandler } from "./rpc/mod.ts";

/** How long a browser may keep the answer to a preflight, in seconds: as long as Chromium does at most. */
const MAX_AGE_S = 2 * 60 * 60;

/** What calls send beside the fields of the protocols: `authorization` for who checks it. */
const ALLOWED_FIELDS = [...fields.allowedHeaders, "Authorization"];

/**
 * Makes a handler that answers preflights for Connect and gRPC-Web, and shows the pages of some origins what the protocols put into fields.
 *
 * @param origins As in `https://example.com`, without a path; `*` for all.
 */
export function allowOrigins(handler: FetchHandler, origins: readonly string[]): FetchHandler {
  const app = new Hono();
  app.use(cors({
    origin: origins.includes("*") ? "*" : [...origins],
    allowMethods: [...fields.allowedMethods],
    allowHeaders: ALLOWED_FIELDS,
    exposeHeaders: [...fields.exposedHeaders],
    maxAge: MAX_AGE_S,
  }));
  app.all("*", async (context) => {
    const response = await handler(context.req.raw, context.env);
    return new Response(response.body, response); // Its fields may be immutable.
  });
  return (request, connection) => app.fetch(request, connection as object);
}
