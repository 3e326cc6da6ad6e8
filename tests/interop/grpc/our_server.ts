/** Our server of gRPC's test service, on a port of `localhost`. */
import assert from "node:assert/strict";
import { serve } from "../../../mod.ts";
import type { Certificate } from "../../support/certificate.ts";
import type { Check } from "../checks.ts";
import type { TestSchema } from "./test_schema.ts";
import { createTestRoutes } from "./test_service.ts";
import { WatchedCompression } from "./watched_compression.ts";

/** It is closed when it is disposed of. */
export interface OurServer extends AsyncDisposable {
  readonly port: number;
  /** The last check: nothing went wrong in it. */
  readonly endsWell: Check;
}

/** Starts it. It serves TLS if there is a certificate. */
export async function startOurServer(schema: TestSchema, tls: Certificate | undefined): Promise<OurServer> {
  const compression = new WatchedCompression();
  const errors: unknown[] = [];
  const server = await serve({
    routes: createTestRoutes(schema, compression),
    compressions: [compression],
    port: 0,
    tls,
    onError: (error) => errors.push(error),
  });
  return {
    port: Number(new URL(server.url).port),
    endsWell: ["our server ended well", async () => {
      await server.close();
      assert.deepEqual(errors, []);
    }],
    [Symbol.asyncDispose]: () => server.close(),
  };
}
