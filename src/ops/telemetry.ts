/**
 * Calls as spans and metrics of OpenTelemetry, by its conventions: https://opentelemetry.io/docs/specs/semconv/rpc/
 *
 * Who exports them is not said here: on Deno the runtime does.
 */
import { Code, ConnectError, type Interceptor, type StreamResponse } from "@connectrpc/connect";
import {
  type Attributes,
  type Context,
  context,
  createContextKey,
  type Histogram,
  metrics,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type TextMapGetter,
  type TextMapSetter,
  trace,
  type Tracer,
} from "@opentelemetry/api";
import {
  ATTR_CLIENT_ADDRESS,
  ATTR_CLIENT_PORT,
  ATTR_ERROR_TYPE,
  ATTR_NETWORK_PROTOCOL_NAME,
  ATTR_NETWORK_PROTOCOL_VERSION,
  ATTR_RPC_METHOD,
  ATTR_RPC_METHOD_ORIGINAL,
  ATTR_RPC_STATUS_CODE,
  ATTR_RPC_SYSTEM_NAME,
  ATTR_SERVER_ADDRESS,
  ATTR_SERVER_PORT,
  METRIC_RPC_CLIENT_CALL_DURATION,
  METRIC_RPC_SERVER_CALL_DURATION,
  RPC_SYSTEM_NAME_VALUE_GRPC,
} from "@opentelemetry/semantic-conventions";
import { type CallObserver, type CallWatch, codeName, type EndedCall, type ObservedCall } from "../rpc/mod.ts";
import type { Telemetry } from "./loading.ts";

type Protocol = NonNullable<ObservedCall["protocolName"]>;

const NAME = "edgewire";

/** By the conventions: a method that the server does not have. */
const OTHER_METHOD = "_OTHER";

/** What the conventions recommend, in seconds. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

/** The codes that are a server's fault, by the conventions; for a client all are. */
const SERVER_FAULTS: ReadonlySet<Code> = new Set([
  Code.Unknown,
  Code.DeadlineExceeded,
  Code.Unimplemented,
  Code.Internal,
  Code.Unavailable,
  Code.DataLoss,
]);

/** W3C's `tracestate`, which Deno 2.9.6 takes out of a request, but gives to no span. */
const TRACE_STATE = createContextKey("tracestate");
const TRACE_STATE_FIELD = "tracestate";

const CALL_GETTER: TextMapGetter<ObservedCall> = {
  get: (call, name) => call.header(name.toLowerCase()),
  keys: () => [],
};
const HEADERS_SETTER: TextMapSetter<Headers> = { set: (headers, name, value) => headers.set(name, value) };

/** Makes what traces and measures calls, by the provider that is registered. */
export function createTelemetry(): Telemetry {
  const tracer = trace.getTracer(NAME);
  const meter = metrics.getMeter(NAME);
  const options = { unit: "s", advice: { explicitBucketBoundaries: BUCKETS } };
  const incoming = meter.createHistogram(METRIC_RPC_SERVER_CALL_DURATION, {
    ...options,
    description: "Measures the duration of an incoming Remote Procedure Call (RPC).",
  });
  const outgoing = meter.createHistogram(METRIC_RPC_CLIENT_CALL_DURATION, {
    ...options,
    description: "Measures the duration of an outgoing Remote Procedure Call (RPC).",
  });
  return {
    observer: {
      begin: (call) =>
        call.protocolName === undefined ? UNTRACED : beginCall(tracer, incoming, call, call.protocolName),
    } satisfies CallObserver,
    traceCalls: (protocol, isFetched) => traceCalls(tracer, outgoing, protocol, isFetched),
  };
}

/** A request that speaks none of the protocols is no call. */
const UNTRACED: CallWatch = { end: () => {} };

function beginCall(tracer: Tracer, duration: Histogram, call: ObservedCall, protocol: Protocol): CallWatch {
  const { method, connection } = call;
  const system = systemOf(protocol);
  const name = method === undefined ? OTHER_METHOD : `${method.parent.typeName}/${method.name}`;
  const attributes: Attributes = { [ATTR_RPC_SYSTEM_NAME]: system, [ATTR_RPC_METHOD]: name };
  const spanAttributes: Attributes = { ...attributes };
  if (method === undefined) {
    spanAttributes[ATTR_RPC_METHOD_ORIGINAL] = call.path.slice(1);
  }
  if (connection !== undefined) {
    spanAttributes[ATTR_NETWORK_PROTOCOL_NAME] = "http";
    spanAttributes[ATTR_NETWORK_PROTOCOL_VERSION] = connection.httpVersion;
  }
  if (connection?.peer !== undefined) {
    spanAttributes[ATTR_CLIENT_ADDRESS] = connection.peer.hostname;
    spanAttributes[ATTR_CLIENT_PORT] = connection.peer.port;
  }
  const caller = propagation.extract(ROOT_CONTEXT, call, CALL_GETTER).setValue(
    TRACE_STATE,
    call.header(TRACE_STATE_FIELD),
  );
  const spanName = method === undefined ? system : name;
  const span = tracer.startSpan(spanName, { kind: SpanKind.SERVER, attributes: spanAttributes }, caller);
  return new TracedCall(new Measured(span, duration, attributes, protocol), trace.setSpan(caller, span));
}

/** A call to this server. What its handler does belongs to it. */
class TracedCall implements CallWatch {
  readonly #measured: Measured;
  readonly #context: Context;

  constructor(measured: Measured, context: Context) {
    this.#measured = measured;
    this.#context = context;
  }

  around(invoke: () => void): void {
    context.with(this.#context, invoke);
  }

  end({ code, durationMs }: EndedCall): void {
    this.#measured.end(code, code !== undefined && SERVER_FAULTS.has(code), durationMs);
  }
}

/** A span, and the duration of what it is about. */
class Measured {
  readonly #span: Span;
  readonly #duration: Histogram;
  readonly #attributes: Attributes;
  readonly #protocol: Protocol;

  constructor(span: Span, duration: Histogram, attributes: Attributes, protocol: Protocol) {
    this.#span = span;
    this.#duration = duration;
    this.#attributes = attributes;
    this.#protocol = protocol;
  }

  end(code: Code | undefined, isFault: boolean, durationMs: number): void {
    const ending: Attributes = {};
    const status = statusOf(code, this.#protocol);
    if (status !== undefined) {
      ending[ATTR_RPC_STATUS_CODE] = status;
      if (isFault) {
        ending[ATTR_ERROR_TYPE] = status;
        this.#span.setStatus({ code: SpanStatusCode.ERROR });
      }
    }
    this.#span.setAttributes(ending);
    this.#span.end();
    this.#duration.record(durationMs / 1000, { ...this.#attributes, ...ending });
  }
}

function traceCalls(tracer: Tracer, duration: Histogram, protocol: Protocol, isFetched: boolean): Interceptor {
  return (next) => async (request) => {
    const startMs = performance.now();
    const { hostname, port } = new URL(request.url);
    const name = `${request.service.typeName}/${request.method.name}`;
    const attributes: Attributes = {
      [ATTR_RPC_SYSTEM_NAME]: systemOf(protocol),
      [ATTR_RPC_METHOD]: name,
      [ATTR_SERVER_ADDRESS]: hostname,
      ...port === "" ? {} : { [ATTR_SERVER_PORT]: Number(port) },
    };
    const span = tracer.startSpan(name, { kind: SpanKind.CLIENT, attributes });
    const measured = new Measured(span, duration, attributes, protocol);
    const end = (error?: unknown) => {
      const code = error === undefined ? undefined : ConnectError.from(error).code;
      measured.end(code, code !== undefined, performance.now() - startMs);
    };
    const spanContext = trace.setSpan(context.active(), span);
    setContext(spanContext, request.header, isFetched);
    try {
      const response = await context.with(spanContext, () => next(request));
      if (!response.stream) {
        end();
        return response;
      }
      return { ...response, message: untilEnd(response.message, end) };
    } catch (error) {
      end(error);
      throw error;
    }
  };
}

/** Deno's `fetch` adds its fields to those that there are, and two of them are none. */
function setContext(spanContext: Context, header: Headers, isFetched: boolean): void {
  propagation.fields().forEach((name) => header.delete(name));
  if (!isFetched) {
    propagation.inject(spanContext, header, HEADERS_SETTER);
  }
  const state = spanContext.getValue(TRACE_STATE);
  if (typeof state === "string" && !header.has(TRACE_STATE_FIELD)) {
    header.set(TRACE_STATE_FIELD, state);
  }
}

async function* untilEnd(messages: StreamResponse["message"], end: (error?: unknown) => void) {
  let failure: unknown;
  try {
    yield* messages;
  } catch (error) {
    failure = error;
    throw error;
  } finally {
    end(failure);
  }
}

/** Connect's protocol is a system of its own; gRPC-Web is gRPC. */
function systemOf(protocol: Protocol): string {
  return protocol === "connect" ? "connectrpc" : RPC_SYSTEM_NAME_VALUE_GRPC;
}

/** Connect has no name for success. gRPC's names are in capitals, and one is spelled otherwise. */
function statusOf(code: Code | undefined, protocol: Protocol): string | undefined {
  if (protocol === "connect") {
    return code === undefined ? undefined : codeName(code);
  }
  return code === undefined ? "OK" : code === Code.Canceled ? "CANCELLED" : codeName(code).toUpperCase();
}
