/** What operators and their probes ask, on an address that is not for clients. */

/** What {@linkcode createAdminHandler} answers by. */
export interface AdminSources {
  /** Says why calls are not taken; undefined when they are. */
  notReadyReason(): Promise<string | undefined>;
  /** A text, and the media type that says in which format it is. */
  readonly metrics: { readonly contentType: string; text(): Promise<string> };
}

/**
 * Makes a `fetch` handler with `/healthz` (the process lives), `/readyz` (it takes calls: 503 and the reason when it does not) and `/metrics`.
 */
export function createAdminHandler({ notReadyReason, metrics }: AdminSources): (request: Request) => Promise<Response> {
  return async ({ method, url }) => {
    if (method !== "GET" && method !== "HEAD") {
      return new Response("Use GET\n", { status: 405, headers: { allow: "GET, HEAD" } });
    }
    switch (new URL(url).pathname) {
      case "/healthz":
        return new Response("ok\n");
      case "/readyz": {
        const reason = await notReadyReason();
        return reason === undefined ? new Response("ok\n") : new Response(`not ready: ${reason}\n`, { status: 503 });
      }
      case "/metrics":
        return new Response(await metrics.text(), { headers: { "content-type": metrics.contentType } });
      default:
        return new Response("Not found: there are /healthz, /readyz and /metrics\n", { status: 404 });
    }
  };
}
