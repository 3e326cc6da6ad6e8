/** Receives what OpenTelemetry's exporters send, by OTLP over HTTP, in JSON: https://opentelemetry.io/docs/specs/otlp/#otlphttp */

/** A span, as far as tests look at it. */
export interface ReceivedSpan {
  readonly service: string;
  readonly name: string;
  /** As OTLP counts them: 2 is a server's, 3 a client's. */
  readonly kind: number;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly isError: boolean;
  readonly attributes: Readonly<Record<string, string>>;
}

/** A point of a histogram. */
export interface ReceivedPoint {
  readonly service: string;
  readonly name: string;
  readonly unit: string;
  readonly count: number;
  readonly attributes: Readonly<Record<string, string>>;
}

interface Attribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

interface Resource {
  readonly attributes: readonly Attribute[];
}

interface Traces {
  readonly resourceSpans: readonly {
    readonly resource: Resource;
    readonly scopeSpans: readonly {
      readonly scope: { readonly name: string };
      readonly spans: readonly (Omit<ReceivedSpan, "service" | "attributes"> & {
        readonly attributes: readonly Attribute[];
        readonly status?: { readonly code?: number };
      })[];
    }[];
  }[];
}

interface Metrics {
  readonly resourceMetrics: readonly {
    readonly resource: Resource;
    readonly scopeMetrics: readonly {
      readonly scope: { readonly name: string };
      readonly metrics: readonly {
        readonly name: string;
        readonly unit: string;
        readonly histogram?: {
          readonly dataPoints: readonly { readonly count: string; readonly attributes: readonly Attribute[] }[];
        };
      }[];
    }[];
  }[];
}

/** Status of a span that failed. */
const ERROR = 2;

/** See the top of the file. Keeps what the scope `edgewire` says. */
export class OtlpReceiver implements AsyncDisposable {
  readonly spans: ReceivedSpan[] = [];
  readonly points: ReceivedPoint[] = [];
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor() {
    this.#server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
      const { pathname } = new URL(request.url);
      if (pathname === "/v1/traces") {
        this.#receiveTraces(await request.json());
      } else if (pathname === "/v1/metrics") {
        this.#receiveMetrics(await request.json());
      } else {
        await request.body?.cancel();
      }
      return Response.json({});
    });
  }

  /** The environment of a process of Deno's that is to export to it. */
  environment(service: string): Record<string, string> {
    return {
      OTEL_DENO: "true",
      OTEL_SERVICE_NAME: service,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${this.#server.addr.port}`,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }

  #receiveTraces({ resourceSpans }: Traces): void {
    for (const { resource, scopeSpans } of resourceSpans) {
      for (const { spans } of scopeSpans.filter(({ scope }) => scope.name === "edgewire")) {
        for (const { attributes, status, ...span } of spans) {
          const isError = status?.code === ERROR;
          this.spans.push({ ...span, service: serviceOf(resource), isError, attributes: recordOf(attributes) });
        }
      }
    }
  }

  #receiveMetrics({ resourceMetrics }: Metrics): void {
    for (const { resource, scopeMetrics } of resourceMetrics) {
      for (const { metrics } of scopeMetrics.filter(({ scope }) => scope.name === "edgewire")) {
        for (const { name, unit, histogram } of metrics) {
          for (const { count, attributes } of histogram?.dataPoints ?? []) {
            const service = serviceOf(resource);
            this.points.push({ service, name, unit, count: Number(count), attributes: recordOf(attributes) });
          }
        }
      }
    }
  }
}

function serviceOf({ attributes }: Resource): string {
  return recordOf(attributes)["service.name"] ?? "";
}

function recordOf(attributes: readonly Attribute[]): Record<string, string> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, String(Object.values(value)[0])]));
}
