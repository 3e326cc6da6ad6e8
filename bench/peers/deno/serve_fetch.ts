/** A fetch handler of this folder on `Deno.serve`: `serve_fetch.ts MODULE PORT`. */
import type { FetchHandler } from "../../../fetch.ts";

const [path, port] = Deno.args;
const { default: { fetch } }: { default: { fetch: FetchHandler } } = await import(new URL(path!, import.meta.url).href);
Deno.serve(
  { hostname: "127.0.0.1", port: Number(port), onListen: () => console.log("ready") },
  (request) => fetch(request),
);
