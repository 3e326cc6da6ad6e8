/**
 * `fetch` over HTTP/2 for programs on Deno.
 *
 * Stop-gap until transports use our own client. The command line client streams large requests, also to servers on `Deno.serve`, and Deno 2.9.6
 * holds a chunked HTTP/1.1 request in memory there when its handler is slower than its sender, and moves all that it holds at every read:
 * 200 MB take minutes. Over HTTP/2 flow control works.
 */

/** Makes a `fetch` that speaks HTTP/2 only: to `http:` URLs with prior knowledge (RFC 9113 §3.3), to `https:` ones by ALPN. */
export function createHttp2Fetch(): typeof fetch {
  const client = Deno.createHttpClient({ http1: false, http2: true });
  return (input, init) => fetch(input, { ...init, client });
}
