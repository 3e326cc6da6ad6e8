/** What is ours: the server as its users start it, the command line client, and clients by gRPC over our HTTP/2. */
import assert from "node:assert/strict";
import type { DescService } from "@bufbuild/protobuf";
import { type Client, createClient } from "@connectrpc/connect";
import { createHttp2Client, createTransport } from "../../../mod.ts";
import type { Certificate } from "../../support/certificate.ts";
import { runClient } from "../../support/client_process.ts";
import { type ServerProcess, startServer } from "../../support/server_process.ts";
import type { Check } from "../checks.ts";

/** Has our programs trust a certificate beside those of the system. */
function trust(certificate: Certificate | undefined): Record<string, string> {
  return certificate === undefined ? {} : { DENO_CERT: certificate.certPath };
}

/** `deno task serve` with a data directory of its own, which is removed when it is disposed of. */
export interface OurServer extends ServerProcess, AsyncDisposable {}

/** Starts `deno task serve`. */
export async function startOurServer(
  certificate: Certificate | undefined,
  args: readonly string[] = [],
): Promise<OurServer> {
  const dataDir = await Deno.makeTempDir({ prefix: "edgewire-lecture-" });
  const tls = certificate === undefined ? [] : ["--tls-cert", certificate.certPath, "--tls-key", certificate.keyPath];
  try {
    const server = await startServer({ dataDir, args: [...tls, ...args], env: trust(certificate) });
    return {
      ...server,
      [Symbol.asyncDispose]: async () => {
        await server.stop();
        await Deno.remove(dataDir, { recursive: true });
      },
    };
  } catch (error) {
    await Deno.remove(dataDir, { recursive: true });
    throw error;
  }
}

/** The last check of those with our server. */
export function endsWell(server: OurServer): Check {
  return ["our server ended well", async () => {
    const { code } = await server.stop();
    assert.equal(code, 0, await server.stderr());
    assert.doesNotMatch(await server.stderr(), /"level":"(?:ERROR|FATAL)"/);
  }];
}

/** Runs `deno task client` by gRPC, and gives what it wrote. */
export async function runOurClient(
  certificate: Certificate | undefined,
  url: string,
  ...args: string[]
): Promise<string> {
  const options = { cwd: Deno.cwd(), env: trust(certificate) };
  const { code, stdout, stderr } = await runClient([...args, "--protocol", "grpc", "--url", url], options);
  assert.equal(code, 0, stderr);
  return stdout;
}

/** Does something with clients by gRPC on one connection, which is closed at the end. */
export async function withClients<T>(
  certificate: Certificate | undefined,
  baseUrl: string,
  use: (clientOf: <Service extends DescService>(service: Service) => Client<Service>) => Promise<T>,
): Promise<T> {
  const caCerts = certificate === undefined ? [] : [certificate.cert];
  const httpClient = createHttp2Client({ baseUrl, caCerts });
  const transport = createTransport({ protocol: "grpc", httpClient });
  try {
    return await use((service) => createClient(service, transport));
  } finally {
    await httpClient.close();
  }
}
