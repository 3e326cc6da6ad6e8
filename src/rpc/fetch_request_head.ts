/** The head of a `Request`, as exchanges have it. */
import type { HeaderField, RequestHead } from "../http/mod.ts";

/**
 * The head of a request. Path and query are as the URL has them. The list of fields is made when somebody wants it, in the order of `Headers`, which
 * puts equal names together: it takes 0.9 us of the 9 that a small call takes `Deno.serve`.
 */
export class FetchRequestHead implements RequestHead {
  readonly method: string;
  readonly scheme: string;
  readonly authority: string;
  readonly path: string;
  readonly contentLength: number | undefined;
  readonly #headers: Headers;
  #fields: readonly HeaderField[] | undefined;

  constructor(request: Request) {
    this.method = request.method;
    this.#headers = request.headers;
    const { url } = request;
    const schemeEnd = url.indexOf("://");
    const pathStart = schemeEnd === -1 ? -1 : url.indexOf("/", schemeEnd + 3);
    if (pathStart === -1) {
      [this.scheme, this.authority, this.path] = ["", "", url]; // Deno has `*` for the URL of OPTIONS.
    } else {
      this.scheme = url.slice(0, schemeEnd);
      this.authority = url.slice(schemeEnd + 3, pathStart);
      this.path = withoutFragment(url.slice(pathStart));
    }
    this.contentLength = lengthOf(this.#headers.get("content-length"));
  }

  get fields(): readonly HeaderField[] {
    if (this.#fields === undefined) {
      const fields: HeaderField[] = [];
      this.#headers.forEach((value, name) => fields.push({ name, value })); // Takes half of what an iterator does.
      this.#fields = fields;
    }
    return this.#fields;
  }

  getValue(name: string): string | undefined {
    return this.#headers.get(name) ?? undefined;
  }
}

/** What it says, if it says a length at all. */
function lengthOf(value: string | null): number | undefined {
  if (value === null || !/^[0-9]+$/.test(value)) {
    return undefined;
  }
  const length = Number(value);
  return Number.isSafeInteger(length) ? length : undefined;
}

/** Requests that came from a network have no fragment; those that a program makes may. */
function withoutFragment(path: string): string {
  const end = path.indexOf("#");
  return end === -1 ? path : path.slice(0, end);
}
