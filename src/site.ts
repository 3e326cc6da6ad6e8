/** The page: the files of `web/` that a browser asks for, with the headers that keep it to itself. */
import { Hono } from "hono";
import { compress } from "hono/compress";
import { serveStatic } from "hono/deno";
import { etag } from "hono/etag";
import { secureHeaders } from "hono/secure-headers";
import type { FetchHandler } from "./rpc/mod.ts";

/** Makes a handler for the page in `directory`, an absolute path. What is not part of the page gets a 404. */
export function createSite(directory: string): FetchHandler {
  const site = new Hono();
  site.use(compress());
  site.use(etag());
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
  site.get("/", serveStatic({ path: `${directory}/index.html` }));
  for (const path of ["/style.css", "/icon.svg", "/dist/*"]) {
    site.get(path, serveStatic({ root: directory }));
  }
  site.notFound((context) => context.text(`Not found: ${context.req.path}\n`, 404));
  return site.fetch;
}
