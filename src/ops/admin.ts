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
      return answer(405, "Use GET\n", { allow: "GET, HEAD" });
    }
    switch (new URL(url).pathname) {
      case "/healthz":
        return answer(200, "ok\n");
      case "/readyz": {
        const reason = await notReadyReason();
        return reason === undefined ? answer(200, "ok\n") : answer(503, `not ready: ${reason}\n`);
      }
      case "/metrics":
        return answer(200, await metrics.text(), { "content-type": metrics.contentType });
      default:
        return answer(404, "Not found: there are /healthz, /readyz and /metrics\n");
    }
  };
}

/** Not to be loaded into pages of others, whatever they take it for. */
const PROTECTED = { "x-content-type-options": "nosniff", "cross-origin-resource-policy": "same-origin" };

function answer(status: number, text: string, headers: Record<string, string> = {}): Response {
  return new Response(text, { status, headers: { ...PROTECTED, ...headers } });
}
