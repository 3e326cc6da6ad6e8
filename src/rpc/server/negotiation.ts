/** Finds out of the head of a request which protocol it speaks, how its messages are encoded and compressed, and what it may be answered with. */
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import type { ConnectionInfo, HeaderField, HttpExchange, RequestHead } from "../../http/mod.ts";
import { chooseCompression, type Compression } from "../compression.ts";
import { parseConnectTimeout, parseGrpcTimeout } from "../timeout.ts";
import type { CallPlan, ServerProtocol } from "./call_plan.ts";
import { connectStreamProtocol, connectUnaryProtocol } from "./connect.ts";
import { type ConnectQuery, parseConnectQuery } from "./connect_get.ts";
import { grpcProtocol } from "./grpc.ts";
import { grpcWebProtocol } from "./grpc_web.ts";
import type { ResolvedOptions } from "./options.ts";
import type { RegisteredMethod } from "./router.ts";

/** A request that is no call: what HTTP answers, in words for a person. */
export interface Refusal {
  readonly status: number;
  readonly fields: readonly HeaderField[];
  readonly text: string;
}

/** What follows from a content type. */
interface ContentType {
  readonly protocol: ServerProtocol;
  readonly codec: "proto" | "json";
  /** The head of an answer of this type. */
  readonly headFields: readonly HeaderField[];
}

/** The fields of a request that its protocol reads; undefined is what is not there. */
interface ProtocolFields {
  contentType: string | undefined;
  contentEncoding: string | undefined;
  acceptEncoding: string | undefined;
  grpcEncoding: string | undefined;
  grpcAcceptEncoding: string | undefined;
  grpcTimeout: string | undefined;
  connectContentEncoding: string | undefined;
  connectAcceptEncoding: string | undefined;
  connectTimeout: string | undefined;
  connectVersion: string | undefined;
}

/** The field by which an answer says what compressions requests may have. */
const ACCEPT_FIELD: Readonly<Record<ServerProtocol["encodingField"], string>> = {
  "grpc-encoding": "grpc-accept-encoding",
  "connect-content-encoding": "connect-accept-encoding",
  "content-encoding": "accept-encoding",
};

/** See the top of the file. One for a server. */
export class Negotiator {
  readonly #options: ResolvedOptions;
  readonly #contentTypes: ReadonlyMap<string, ContentType>;
  /** By the encoding of a Connect GET. */
  readonly #getTypes: ReadonlyMap<string, ContentType>;
  readonly #compressionNames: string;

  constructor(options: ResolvedOptions) {
    this.#options = options;
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
    this.#getTypes = new Map([
      ["proto", this.#contentType("application/proto", connectUnaryProtocol, "proto", vary)[1]],
      ["json", this.#contentType("application/json", connectUnaryProtocol, "json", vary)[1]],
    ]);
  }

  /** @param query What is behind the path, if anything. */
  negotiate(
    registered: RegisteredMethod,
    head: RequestHead,
    query: string | undefined,
    exchange: HttpExchange,
    connection: ConnectionInfo | undefined,
  ): CallPlan | Refusal {
    const fields = fieldsOf(head);
    if (head.method === "GET" && hasNoSideEffects(registered)) {
      return this.#negotiateGet(registered, fields, query ?? "");
    }
    if (head.method !== "POST") {
      return wrongMethod(registered, head.method);
    }
    const contentType = this.#find(fields.contentType);
    const isUnary = registered.method.methodKind === "unary";
    if (
      contentType === undefined ||
      (contentType.protocol.name === "connect" && contentType.protocol.isEnveloped === isUnary)
    ) {
      return wrongContentType(registered, fields.contentType);
    }
    if (contentType.protocol === grpcProtocol && (connection?.httpVersion === "1.1" || !exchange.canSendTrailers)) {
      return withoutTrailers(exchange);
    }
    return this.#plan(registered, contentType, fields);
  }

  /** What a request speaks that is refused for something else; undefined for none of the protocols. */
  protocolOf(head: RequestHead): ServerProtocol | undefined {
    return this.#find(fieldsOf(head).contentType)?.protocol;
  }

  #contentType(
    value: string,
    protocol: ServerProtocol,
    codec: ContentType["codec"],
    ...more: HeaderField[]
  ): [string, ContentType] {
    const headFields = [{ name: ":status", value: "200" }, { name: "content-type", value }, ...more];
    if (this.#compressionNames !== "") {
      headFields.push({ name: ACCEPT_FIELD[protocol.encodingField], value: this.#compressionNames });
    }
    return [value, { protocol, codec, headFields: Object.freeze(headFields) }];
  }

  #find(value: string | undefined): ContentType | undefined {
    if (value === undefined) {
      return undefined;
    }
    // Most are written in the one way that needs no parsing.
    return this.#contentTypes.get(value) ?? this.#contentTypes.get(essenceOf(value));
  }

  #plan(registered: RegisteredMethod, contentType: ContentType, fields: ProtocolFields): CallPlan {
    const { protocol, codec, headFields } = contentType;
    let [encoding, accepted] = [fields.grpcEncoding, fields.grpcAcceptEncoding];
    if (protocol.name === "connect") {
      [encoding, accepted] = protocol.isEnveloped
        ? [fields.connectContentEncoding, fields.connectAcceptEncoding]
        : [fields.contentEncoding, fields.acceptEncoding];
    }
    const plan = {
      registered,
      codecs: registered[codec],
      protocol,
      headFields,
      responseCompression: chooseCompression(this.#options.compressions, accepted),
      queryMessage: undefined,
    };
    try {
      if (protocol.name === "connect") {
        this.#checkVersion(fields.connectVersion, "1", "connect-protocol-version");
      }
      const timeout = protocol.name === "connect" ? fields.connectTimeout : fields.grpcTimeout;
      const parse = protocol.name === "connect" ? parseConnectTimeout : parseGrpcTimeout;
      return {
        ...plan,
        requestCompression: this.#requestCompression(encoding),
        timeoutMs: timeout === undefined ? undefined : parse(timeout),
        refusal: undefined,
      };
    } catch (error) {
      return { ...plan, requestCompression: undefined, timeoutMs: undefined, refusal: ConnectError.from(error) };
    }
  }

  #negotiateGet(registered: RegisteredMethod, fields: ProtocolFields, query: string): CallPlan | Refusal {
    let parsed: ConnectQuery | undefined;
    let refusal: ConnectError | undefined;
    let [requestCompression, timeoutMs]: [Compression | undefined, number | undefined] = [undefined, undefined];
    try {
      parsed = parseConnectQuery(query);
      this.#checkVersion(parsed.version, "v1", "connect");
      requestCompression = this.#requestCompression(parsed.compression);
      timeoutMs = fields.connectTimeout === undefined ? undefined : parseConnectTimeout(fields.connectTimeout);
      if (parsed.message === undefined) {
        throw new ConnectError("message: is missing in the query", Code.InvalidArgument);
      }
    } catch (error) {
      refusal = ConnectError.from(error);
    }
    const contentType = this.#getTypes.get(parsed?.encoding ?? "json");
    if (contentType === undefined) {
      return textRefusal(415, `Unsupported encoding in the query of ${registered.path}: use proto or json\n`);
    }
    if (refusal === undefined && parsed?.encoding === undefined) {
      refusal = new ConnectError("encoding: is missing in the query", Code.InvalidArgument);
    }
    return {
      registered,
      codecs: registered[contentType.codec],
      protocol: contentType.protocol,
      headFields: contentType.headFields,
      responseCompression: chooseCompression(this.#options.compressions, fields.acceptEncoding),
      requestCompression,
      timeoutMs,
      refusal,
      queryMessage: parsed?.message,
    };
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
    const compression = this.#options.compressions.find(({ name }) => name === encoding);
    if (compression === undefined) {
      const supported = this.#compressionNames === "" ? "none is supported" : `use ${this.#compressionNames}`;
      throw new ConnectError(`unknown compression "${encoding}": ${supported}`, Code.Unimplemented);
    }
    return compression;
  }
}

/** Whether a request is one of gRPC or gRPC-Web, which are answered in their ways also where there is no method. */
export function isGrpc(head: RequestHead): boolean {
  return fieldsOf(head).contentType?.startsWith("application/grpc") ?? false;
}

function fieldsOf(head: RequestHead): ProtocolFields {
  const found: ProtocolFields = {
    contentType: undefined,
    contentEncoding: undefined,
    acceptEncoding: undefined,
    grpcEncoding: undefined,
    grpcAcceptEncoding: undefined,
    grpcTimeout: undefined,
    connectContentEncoding: undefined,
    connectAcceptEncoding: undefined,
    connectTimeout: undefined,
    connectVersion: undefined,
  };
  for (const { name, value } of head.fields) {
    switch (name) {
      case "content-type":
        found.contentType = value;
        break;
      case "content-encoding":
        found.contentEncoding = value;
        break;
      case "accept-encoding":
        found.acceptEncoding = joined(found.acceptEncoding, value);
        break;
      case "grpc-encoding":
        found.grpcEncoding = value;
        break;
      case "grpc-accept-encoding":
        found.grpcAcceptEncoding = joined(found.grpcAcceptEncoding, value);
        break;
      case "grpc-timeout":
        found.grpcTimeout = value;
        break;
      case "connect-content-encoding":
        found.connectContentEncoding = value;
        break;
      case "connect-accept-encoding":
        found.connectAcceptEncoding = joined(found.connectAcceptEncoding, value);
        break;
      case "connect-timeout-ms":
        found.connectTimeout = value;
        break;
      case "connect-protocol-version":
        found.connectVersion = value;
        break;
    }
  }
  return found;
}

/** A list may come in several fields (RFC 9110 §5.3). */
function joined(before: string | undefined, value: string): string {
  return before === undefined ? value : `${before},${value}`;
}

/** A media type without its parameters; "" when they say that a text is not UTF-8. */
function essenceOf(value: string): string {
  const [essence, ...parameters] = value.toLowerCase().split(";");
  const isUtf8 = parameters.every((parameter) =>
    !/^\s*charset=/.test(parameter) || /=\s*"?utf-8"?\s*$/.test(parameter)
  );
  return isUtf8 ? essence!.trim() : "";
}

function hasNoSideEffects({ method }: RegisteredMethod): boolean {
  return method.methodKind === "unary" && method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS;
}

/** A refusal with a text. */
export function textRefusal(status: number, text: string, ...fields: HeaderField[]): Refusal {
  return { status, text, fields: [{ name: "content-type", value: "text/plain; charset=utf-8" }, ...fields] };
}

function wrongMethod(registered: RegisteredMethod, method: string): Refusal {
  const allow = hasNoSideEffects(registered) ? "GET, POST" : "POST";
  return textRefusal(405, `Cannot ${method} ${registered.path}: use ${allow}\n`, { name: "allow", value: allow });
}

function wrongContentType({ method }: RegisteredMethod, contentType: string | undefined): Refusal {
  const connect = method.methodKind === "unary"
    ? ["application/json", "application/proto"]
    : ["application/connect+json", "application/connect+proto"];
  const grpc = ["application/grpc", "application/grpc-web"].flatMap((type) => [`${type}+proto`, `${type}+json`]);
  const value = [...connect, ...grpc].join(", ");
  return textRefusal(415, `Unsupported content type "${contentType ?? ""}": use ${value}\n`, {
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
