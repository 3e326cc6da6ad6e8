/** The page: the files of `web/` that a browser asks for, with the headers that keep it to itself. */
import { type Context, Hono } from "hono";
import { accepts } from "hono/accepts";
import { etag } from "hono/etag";
import { secureHeaders } from "hono/secure-headers";
import type { FetchHandler } from "./rpc/mod.ts";
import { respondWith, SiteFiles } from "./site_files.ts";

/** How much of a path is said back, in characters. */
const MAX_QUOTED_PATH = 200;

/** Makes a handler for the page in `directory`, an absolute path. What is not part of the page gets a 404. */
export function createSite(directory: string): FetchHandler {
  const site = new Hono();
  site.use(etag()); // It compares those that the files have.
  site.use(secureHeaders({
    contentSecurityPolicy: {
      defaultSrc: ["'self'"],
      scriptSrc: ["'self'", "'wasm-unsafe-eval'"], // The worker's hash functions are WebAssembly.
      imgSrc: ["'self'", "data:"],
      baseUri: ["'none'"],
      formAction: ["'none'"],
      frameAncestors: ["'none'"],
    },
    // Served without TLS the header means nothing; behind a proxy with TLS it is the proxy's to send.
    strictTransportSecurity: false,
  }));
  const files = new SiteFiles(directory);
  const file = async (context: Context): Promise<Response> => {
    const { path } = context.req;
    const coding = accepts(context, { header: "Accept-Encoding", supports: ["gzip", "identity"], default: "identity" });
    const found = await files.find(path === "/" ? "/index.html" : path, coding === "gzip");
    return found === undefined ? await context.notFound() : respondWith(found);
  };
  // No names that a file system refuses: too long, within a file, with a NUL.
  for (const path of ["/", "/icon.svg", "/dist/:name{[a-z_]{1,64}\\.(?:css|js)}"]) {
    site.get(path, file);
  }
  site.notFound((context) => context.text(`Not found: ${context.req.path.slice(0, MAX_QUOTED_PATH)}\n`, 404));
  return site.fetch;
}
