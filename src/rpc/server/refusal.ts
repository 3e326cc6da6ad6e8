/** Answers for requests that are not served: what HTTP says, in words for a person, or an error in the way of what the request speaks. */
import type { ConnectError } from "@connectrpc/connect";
import { fieldValue, type HeaderField, type HttpExchange, type RequestHead, Work } from "../../http/mod.ts";
import { httpStatusOfCode } from "../code.ts";
import { errorToJson } from "../error_json.ts";
import { statusFields } from "../grpc_status.ts";
import { respondWithFirst } from "../refusal_head.ts";

/** What HTTP answers. */
export interface Refusal {
  readonly status: number;
  readonly fields: readonly HeaderField[];
  readonly text: string;
}

/** Keeps browsers from running what they load as a script of another type (Fetch Standard §3.6). */
export const NOSNIFF: HeaderField = Object.freeze({ name: "x-content-type-options", value: "nosniff" });

const JSON_FIELDS: readonly HeaderField[] = [{ name: "content-type", value: "application/json" }, NOSNIFF];

/** Longer than any content type of gRPC: a response does not repeat one of many kilobytes. */
const MAX_CONTENT_TYPE = 64;

const encoder = new TextEncoder();

/** A refusal with a text. */
export function textRefusal(status: number, text: string, ...fields: HeaderField[]): Refusal {
  return { status, text, fields: [{ name: "content-type", value: "text/plain; charset=utf-8" }, NOSNIFF, ...fields] };
}

/** Answers a request with a refusal. */
export function refuse(exchange: HttpExchange, { method }: RequestHead, { status, fields, text }: Refusal): void {
  exchange.spendWork(Work.FAILURE);
  const isHead = method === "HEAD"; // Its answer has no content (RFC 9110 §9.3.2).
  const statusField = { name: ":status", value: String(status) };
  respondWithFirst(exchange, [[statusField, ...fields], [statusField]], isHead);
  if (!isHead) {
    exchange.end(encoder.encode(text));
  }
}

/**
 * Answers a request of which nothing is known but its head with an error: as trailers to gRPC and gRPC-Web, as JSON to Connect, as text to others.
 *
 * @param text What others read. @param status That of HTTP for all but gRPC. @default that of the error's code
 */
export function refuseCall(
  exchange: HttpExchange,
  head: RequestHead,
  error: ConnectError,
  text: string,
  status: number = httpStatusOfCode(error.code),
): void {
  if (isGrpc(head) && head.method === "POST") {
    exchange.spendWork(Work.FAILURE);
    const contentType = fieldValue(head.fields, "content-type")!;
    const fields = [
      { name: ":status", value: "200" },
      { name: "content-type", value: contentType.length <= MAX_CONTENT_TYPE ? contentType : "application/grpc" },
    ];
    const [grpcStatus, ...rest] = statusFields(error);
    respondWithFirst(exchange, [[...fields, grpcStatus!, ...rest], [...fields, grpcStatus!]], true);
    return;
  }
  refuse(
    exchange,
    head,
    isConnect(head)
      ? { status, text: JSON.stringify(errorToJson(error)), fields: JSON_FIELDS }
      : textRefusal(status, text),
  );
}

/** Whether a request is one of gRPC or gRPC-Web, which are answered in their ways also where there is no method. */
export function isGrpc(head: RequestHead): boolean {
  return /^application\/grpc(?:-web)?(?:$|[+; ])/i.test(fieldValue(head.fields, "content-type") ?? "");
}

function isConnect(head: RequestHead): boolean {
  return head.fields.some(({ name, value }) =>
    name === "content-type" && /^application\/(connect\+)?(json|proto)/.test(value)
  );
}
