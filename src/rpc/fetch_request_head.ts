/** The head of a `Request`, as exchanges have it. */
import { fieldValue, type HeaderField, type RequestHead } from "../http/mod.ts";

/**
 * The head of a request. Path and query are as the URL has them; fields are in the order of `Headers`, which puts equal names together. They are read once,
 * all of them: on Deno each `get` costs a third of that.
 */
export class FetchRequestHead implements RequestHead {
  readonly method: string;
  readonly scheme: string;
  readonly authority: string;
  readonly path: string;
  readonly fields: readonly HeaderField[];
  readonly contentLength: number | undefined;
  memo: unknown = undefined;

  constructor(request: Request) {
    this.method = request.method;
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
    const fields: HeaderField[] = [];
    request.headers.forEach((value, name) => fields.push({ name, value })); // Takes half of what an iterator does.
    this.fields = fields;
    this.contentLength = lengthOf(fieldValue(this.fields, "content-length"));
  }
}

/** What it says, if it says a length at all. */
function lengthOf(value: string | undefined): number | undefined {
  if (value === undefined || !/^[0-9]+$/.test(value)) {
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
