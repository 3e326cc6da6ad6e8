/** The page: the files of `web/` that a browser asks for, with the headers that keep it to itself. */
import { Hono } from "hono";
import { compress } from "hono/compress";
import { etag } from "hono/etag";
import { secureHeaders } from "hono/secure-headers";
import { serveStatic } from "hono/serve-static";
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
  const file = serveStatic({
    root: directory,
    rewriteRequestPath: (path) => path === "/" ? "/index.html" : path,
    getContent: readFile,
  });
  // No names that a file system refuses: too long, within a file, with a NUL.
  for (const path of ["/", "/icon.svg", "/dist/:name{[a-z_]{1,64}\\.(?:css|js)}"]) {
    site.get(path, file);
  }
  site.notFound((context) => context.text(`Not found: ${context.req.path}\n`, 404));
  return site.fetch;
}

async function readFile(path: string): Promise<Uint8Array<ArrayBuffer> | null> {
  try {
    return await Deno.readFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.IsADirectory) {
      return null;
    }
    throw error;
  }
}
