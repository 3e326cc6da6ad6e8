/** Finds out of the head of a request which protocol it speaks, how its messages are encoded and compressed, and what it may be answered with. */
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  type ConnectionInfo,
  fieldValue,
  type HeaderField,
  type HttpExchange,
  type RequestHead,
} from "../../http/mod.ts";
import { AllowedOrigins } from "../allowed_origins.ts";
import { chooseCompression, type Compression } from "../compression.ts";
import { connectErrorOf } from "../thrown_error.ts";
import { quoted } from "../error_text.ts";
import type { CallPlan, ServerProtocol } from "./call_plan.ts";
import { connectStreamProtocol, connectUnaryProtocol } from "./connect.ts";
import { type ConnectQuery, parseConnectQuery } from "./connect_get.ts";
import { grpcProtocol } from "./grpc.ts";
import { grpcWebProtocol } from "./grpc_web.ts";
import type { ResolvedOptions } from "./options.ts";
import { NOSNIFF, type Refusal, textRefusal } from "./refusal.ts";
import type { RegisteredMethod } from "./router.ts";

/** What follows from a content type. */
interface ContentType {
  readonly protocol: ServerProtocol;
  readonly codec: "proto" | "json";
  /** The head of an answer of this type. */
  readonly headFields: readonly HeaderField[];
  /** The head of an answer to a request of which the compression is none of ours: it says which are. */
  readonly refusalFields: readonly HeaderField[];
}

/** See the top of the file. One for a server. */
export class Negotiator {
  readonly #options: ResolvedOptions;
  readonly #contentTypes: ReadonlyMap<string, ContentType>;
  /** By the encoding of a Connect GET. */
  readonly #getTypes: ReadonlyMap<string, ContentType>;
  readonly #compressionNames: string;
  readonly #origins: AllowedOrigins;

  constructor(options: ResolvedOptions) {
    this.#options = options;
    this.#origins = new AllowedOrigins(options.corsOrigins);
    this.#compressionNames = options.compressions.map(({ name }) => name).join(",");
    this.#contentTypes = new Map([
      this.#contentType("application/grpc", grpcProtocol, "proto"),
      this.#contentType("application/grpc+proto", grpcProtocol, "proto"),
      this.#contentType("application/grpc+json", grpcProtocol, "json"),
      this.#contentType("application/grpc-web", grpcWebProtocol, "proto"),
      this.#contentType("application/grpc-web+proto", grpcWebProtocol, "proto"),
      this.#contentType("application/grpc-web+json", grpcWebProtocol, "json"),
      this.#contentType("application/connect+proto", connectStreamProtocol, "proto"),
      this.#contentType("application/connect+json", connectStreamProtocol, "json"),
      this.#contentType("application/proto", connectUnaryProtocol, "proto"),
      this.#contentType("application/json", connectUnaryProtocol, "json"),
    ]);
    // A cache that keeps an answer to a GET has to know that it depends on what the client decompresses.
    const vary = { name: "vary", value: "accept-encoding" };
    // A page may load one as a script or a style, whatever it is.
    this.#getTypes = new Map([
      ["proto", this.#contentType("application/proto", connectUnaryProtocol, "proto", vary, NOSNIFF)[1]],
      ["json", this.#contentType("application/json", connectUnaryProtocol, "json", vary, NOSNIFF)[1]],
    ]);
  }

  /** What was found out of a head before, if it comes again: 5 % of a call over HTTP/2, 8 over HTTP/1.1. */
  recall(head: RequestHead): CallPlan | undefined {
    const plan = head.memo as CallPlan | undefined;
    return plan?.negotiator === this ? plan : undefined;
  }

  /** @param query What is behind the path, if anything. */
  negotiate(
    registered: RegisteredMethod,
    head: RequestHead,
    query: string | undefined,
    exchange: HttpExchange,
    connection: ConnectionInfo | undefined,
  ): CallPlan | Refusal {
    if (head.method === "GET" && hasNoSideEffects(registered)) {
      return this.#negotiateGet(registered, head, query ?? "");
    }
    if (head.method !== "POST") {
      return wrongMethod(registered, head.method);
    }
    const value = fieldValue(head.fields, "content-type");
    const contentType = this.#find(value);
    const isUnary = registered.method.methodKind === "unary";
    if (
      contentType === undefined ||
      (contentType.protocol.name === "connect" && contentType.protocol.isEnveloped === isUnary)
    ) {
      return wrongContentType(registered, value);
    }
    if (contentType.protocol === grpcProtocol && (connection?.httpVersion === "1.1" || !exchange.canSendTrailers)) {
      return withoutTrailers(exchange);
    }
    return this.#plan(registered, contentType, head);
  }

  /** What a request speaks that is refused for something else; undefined for none of the protocols. */
  protocolOf(head: RequestHead): ServerProtocol | undefined {
    return this.#find(fieldValue(head.fields, "content-type"))?.protocol;
  }

  #contentType(
    value: string,
    protocol: ServerProtocol,
    codec: ContentType["codec"],
    ...more: HeaderField[]
  ): [string, ContentType] {
    const headFields = Object.freeze([{ name: ":status", value: "200" }, { name: "content-type", value }, ...more]);
    const accepted = { name: protocol.acceptEncodingField, value: this.#compressionNames || "identity" };
    return [value, { protocol, codec, headFields, refusalFields: [...headFields, accepted] }];
  }

  #find(value: string | undefined): ContentType | undefined {
    if (value === undefined) {
      return undefined;
    }
    // Most are written in the one way that needs no parsing.
    return this.#contentTypes.get(value) ?? this.#contentTypes.get(essenceOf(value));
  }

  #plan(registered: RegisteredMethod, contentType: ContentType, head: RequestHead): CallPlan {
    const { protocol, codec } = contentType;
    const accepted = fieldValue(head.fields, protocol.acceptEncodingField);
    let [requestCompression, timeoutMs, refusal]: Partial<[Compression, number, ConnectError]> = [];
    try {
      if (protocol.name === "connect") {
        this.#checkVersion(fieldValue(head.fields, "connect-protocol-version"), "1", "connect-protocol-version");
      }
      requestCompression = this.#requestCompression(fieldValue(head.fields, protocol.encodingField));
      timeoutMs = timeoutOf(head, protocol);
      checkBinaryFields(head);
    } catch (error) {
      refusal = connectErrorOf(error);
    }
    const plan: CallPlan = {
      negotiator: this,
      registered,
      codecs: registered[codec],
      protocol,
      headFields: headFieldsOf(contentType, refusal),
      requestCompression,
      responseCompression: accepted === undefined ? undefined : chooseCompression(this.#options.compressions, accepted),
      timeoutMs,
      refusal,
      queryMessage: undefined,
    };
    if (refusal === undefined) {
      head.memo = plan;
    }
    return plan;
  }

  #negotiateGet(registered: RegisteredMethod, head: RequestHead, query: string): CallPlan | Refusal {
    let [parsed, requestCompression, timeoutMs, refusal]: Partial<[ConnectQuery, Compression, number, ConnectError]> =
      [];
    try {
      this.#checkSite(head);
      parsed = parseConnectQuery(query);
      this.#checkVersion(parsed.version, "v1", "connect");
      requestCompression = this.#requestCompression(parsed.compression);
      timeoutMs = timeoutOf(head, connectUnaryProtocol);
      checkBinaryFields(head);
      for (const name of ["encoding", "message"] as const) {
        if (parsed[name] === undefined) {
          throw new ConnectError(`${name}: is missing in the query`, Code.InvalidArgument);
        }
      }
    } catch (error) {
      refusal = connectErrorOf(error);
    }
    const contentType = this.#getTypes.get(parsed?.encoding ?? "json");
    if (contentType === undefined) {
      return textRefusal(415, `Unsupported encoding in the query of ${registered.path}: use proto or json\n`);
    }
    const { codec, protocol } = contentType;
    return {
      negotiator: this,
      registered,
      codecs: registered[codec],
      protocol,
      headFields: headFieldsOf(contentType, refusal),
      requestCompression,
      responseCompression: chooseCompression(this.#options.compressions, fieldValue(head.fields, "accept-encoding")),
      timeoutMs,
      refusal,
      queryMessage: parsed?.message,
    };
  }

  /**
   * Refuses calls that a page of another origin makes without being allowed to. The page cannot read the answer, but an image or a link is enough to
   * have files hashed. A POST needs no such check: its content types make the browser ask first.
   *
   * A page of the same site is another origin, too: `http://localhost:8000` for `http://localhost:50051`. What a user types is of site `none`.
   */
  #checkSite(head: RequestHead): void {
    const site = fieldValue(head.fields, "sec-fetch-site");
    if (site !== "cross-site" && site !== "same-site") {
      return; // Clients that are no browsers, and browsers to plain HTTP on other machines, send none.
    }
    const origin = fieldValue(head.fields, "origin");
    if (!this.#origins.allowsAll && (origin === undefined || !this.#origins.allows(origin))) {
      throw new ConnectError(
        `sec-fetch-site: is ${site}, pages of other origins may call when --cors-origin, or corsOrigins, allows theirs`,
        Code.PermissionDenied,
      );
    }
  }

  #checkVersion(version: string | undefined, expected: string, name: string): void {
    if (version === undefined && this.#options.requireConnectProtocolHeader) {
      throw new ConnectError(`${name}: is missing, it must be ${expected}`, Code.InvalidArgument);
    }
    if (version !== undefined && version !== expected) {
      throw new ConnectError(`${name}: must be ${expected}`, Code.InvalidArgument);
    }
  }

  #requestCompression(encoding: string | undefined): Compression | undefined {
    if (encoding === undefined || encoding === "identity") {
      return undefined;
    }
    const compression = this.#options.compressions.find(({ name }) => name === encoding.toLowerCase());
    if (compression === undefined) {
      const supported = this.#compressionNames === "" ? "none is supported" : `use ${this.#compressionNames}`;
      throw new ConnectError(`unknown compression "${quoted(encoding)}": ${supported}`, Code.Unimplemented);
    }
    return compression;
  }
}

/** A media type without its parameters; "" when they say that a text is not UTF-8. */
function essenceOf(value: string): string {
  const [essence, ...parameters] = value.toLowerCase().split(";");
  const isUtf8 = parameters.every((parameter) =>
    !/^\s*charset=/.test(parameter) || /=\s*"?utf-8"?\s*$/.test(parameter)
  );
  return isUtf8 ? essence!.trim() : "";
}

/** Metadata that is binary is base64, padded or not; several values may stand in one field. */
const BASE64_LIST = /^(?:[A-Za-z0-9+/]+={0,2}(?:\s*,\s*|$))*$/;

/** @throws {ConnectError} invalid_argument: metadata that is binary by its name is no base64. */
function checkBinaryFields(head: RequestHead): void {
  for (const { name, value } of head.fields) {
    if (name.endsWith("-bin") && !BASE64_LIST.test(value)) {
      throw new ConnectError(`${quoted(name)}: is no base64`, Code.InvalidArgument);
    }
  }
}

/** Answers do not say which compressions requests may have, where it is not asked: it costs a tenth of a call over `fetch`. */
function headFieldsOf(
  { headFields, refusalFields }: ContentType,
  refusal: ConnectError | undefined,
): readonly HeaderField[] {
  return refusal?.code === Code.Unimplemented ? refusalFields : headFields;
}

function timeoutOf(head: RequestHead, protocol: ServerProtocol): number | undefined {
  const value = fieldValue(head.fields, protocol.timeoutField);
  return value === undefined ? undefined : protocol.parseTimeout(value);
}

function hasNoSideEffects({ method }: RegisteredMethod): boolean {
  return method.methodKind === "unary" && method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS;
}

function wrongMethod(registered: RegisteredMethod, method: string): Refusal {
  const allow = hasNoSideEffects(registered) ? "GET, POST" : "POST";
  return textRefusal(405, `Cannot ${quoted(method)} ${registered.path}: use ${allow}\n`, {
    name: "allow",
    value: allow,
  });
}

function wrongContentType({ method }: RegisteredMethod, contentType: string | undefined): Refusal {
  const connect = method.methodKind === "unary"
    ? ["application/json", "application/proto"]
    : ["application/connect+json", "application/connect+proto"];
  const grpc = ["application/grpc", "application/grpc-web"].flatMap((type) => [`${type}+proto`, `${type}+json`]);
  const value = [...connect, ...grpc].join(", ");
  return textRefusal(415, `Unsupported content type "${quoted(contentType ?? "")}": use ${value}\n`, {
    name: "accept-post",
    value,
  });
}

/** gRPC where its trailers do not get through. */
function withoutTrailers(exchange: HttpExchange): Refusal {
  return exchange.canSendTrailers
    ? textRefusal(505, "gRPC needs HTTP/2: use it, or Connect or gRPC-Web\n")
    : textRefusal(415, "gRPC needs HTTP trailers, which cannot be sent here: use HTTP/2, or Connect or gRPC-Web\n");
}
