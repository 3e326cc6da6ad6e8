/** Our client of gRPC's test service, over our own HTTP/2. */
import { createHttp2Client, createTransport, type TransportOptions } from "../../../mod.ts";
import type { Certificate } from "../../support/certificate.ts";
import { createTestClient, type TestClient } from "./test_client.ts";
import type { TestSchema } from "./test_schema.ts";

/** @param port Of `localhost`. */
export function connectOurClient(
  port: number,
  schema: TestSchema,
  certificate: Certificate | undefined,
  options: TransportOptions = {},
): TestClient & AsyncDisposable {
  const baseUrl = `${certificate === undefined ? "http" : "https"}://localhost:${port}`;
  const httpClient = createHttp2Client({ baseUrl, caCerts: certificate === undefined ? [] : [certificate.cert] });
  const transport = createTransport({ ...options, protocol: "grpc", httpClient });
  return { ...createTestClient(transport, schema), [Symbol.asyncDispose]: () => httpClient.close() };
}
