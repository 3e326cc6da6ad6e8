/** The head of a `Request`, as exchanges have it. */
import type { HeaderField, RequestHead } from "../http/mod.ts";

/**
 * Reads the head of a request. Path and query are as the URL has them, fields in the order of `Headers`, which puts equal names together.
 */
export function requestHeadOf(request: Request): RequestHead {
  const { url } = request;
  const schemeEnd = url.indexOf("://");
  const authorityStart = schemeEnd + 3;
  const pathStart = url.indexOf("/", authorityStart);
  const isWhole = schemeEnd !== -1 && pathStart !== -1; // Deno has `*` for that of OPTIONS.
  const fields: HeaderField[] = [];
  let contentLength: number | undefined;
  // 0.6 us for six fields, half of what an iterator takes.
  request.headers.forEach((value, name) => {
    fields.push({ name, value });
    if (name === "content-length") {
      contentLength = lengthOf(value);
    }
  });
  return {
    method: request.method,
    scheme: isWhole ? url.slice(0, schemeEnd) : "",
    authority: isWhole ? url.slice(authorityStart, pathStart) : "",
    path: isWhole ? withoutFragment(url.slice(pathStart)) : url,
    fields,
    contentLength,
  };
}

/** What it says, if it says a length at all. */
function lengthOf(value: string): number | undefined {
  const length = /^[0-9]+$/.test(value) ? Number(value) : undefined;
  return Number.isSafeInteger(length) ? length : undefined;
}

/** Requests that came from a network have no fragment; those that a program makes may. */
function withoutFragment(path: string): string {
  const end = path.indexOf("#");
  return end === -1 ? path : path.slice(0, end);
}
