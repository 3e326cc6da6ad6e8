/** Certificates for tests, made by openssl when they are needed: none is kept, so none expires. */
import { installTool } from "../conformance/tools.ts";
import { runProgram } from "./program.ts";

// Not a CA: Deno's client refuses a CA as the certificate of a server.
const CONFIG = `
[req]
distinguished_name = name
x509_extensions = extensions
prompt = no
[name]
CN = localhost
[extensions]
basicConstraints = critical, CA:FALSE
subjectAltName = DNS:localhost, IP:127.0.0.1
`;

/** A certificate that signs itself, for `localhost` and 127.0.0.1, and its key. */
export interface Certificate extends AsyncDisposable {
  readonly certPath: string;
  readonly keyPath: string;
  /** As PEM. */
  readonly cert: string;
  readonly key: string;
}

/** Makes a certificate in a temporary folder, which is removed when it is disposed of. */
export async function makeCertificate(): Promise<Certificate> {
  const openssl = await installTool("openssl");
  const folder = await Deno.makeTempDir({ prefix: "edgewire-certificate-" });
  const [configPath, certPath, keyPath] = [`${folder}/openssl.cnf`, `${folder}/cert.pem`, `${folder}/key.pem`];
  await Deno.writeTextFile(configPath, CONFIG);
  // deno-fmt-ignore
  await runProgram(openssl, [
    "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
    "-config", configPath, "-keyout", keyPath, "-out", certPath,
  ]);
  return {
    certPath,
    keyPath,
    cert: await Deno.readTextFile(certPath),
    key: await Deno.readTextFile(keyPath),
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}
