/** Certificate authorities for tests, made by openssl when they are needed: none is kept, so none expires. */
import { installTool } from "../conformance/tools.ts";
import { runProgram } from "./program.ts";

/** A certificate and its private key, as PEM. */
export interface IssuedPair {
  readonly cert: string;
  readonly key: string;
}

/** Who signs certificates. */
export interface Authority {
  /** Its own certificate, as PEM. */
  readonly cert: string;
  /** Signs a certificate for a name, which is good for localhost, 127.0.0.1 and ::1, too. */
  issue(commonName: string): Promise<IssuedPair>;
}

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];

/** Makes an authority. Its key lives in a temporary folder for the time of each call only. */
export async function makeAuthority(name: string): Promise<Authority> {
  const { cert, key } = await makePair(["-subj", `/CN=${name}`, "-addext", "basicConstraints=critical,CA:TRUE"]);
  return {
    cert,
    issue: async (commonName) => {
      const folder = await Deno.makeTempDir({ prefix: "edgewire-authority-" });
      try {
        await Deno.writeTextFile(`${folder}/ca.pem`, cert);
        await Deno.writeTextFile(`${folder}/ca.key`, key);
        // deno-fmt-ignore
        return await makePair([
          "-CA", `${folder}/ca.pem`, "-CAkey", `${folder}/ca.key`, "-subj", `/CN=${commonName}`,
          "-addext", "basicConstraints=critical,CA:FALSE", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1",
        ]);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  };
}

async function makePair(args: readonly string[]): Promise<IssuedPair> {
  const openssl = await installTool("openssl");
  const folder = await Deno.makeTempDir({ prefix: "edgewire-certificate-" });
  const [certPath, keyPath] = [`${folder}/cert.pem`, `${folder}/key.pem`];
  try {
    await runProgram(openssl, ["req", "-x509", ...NEW_KEY, "-keyout", keyPath, "-out", certPath, ...args]);
    return { cert: await Deno.readTextFile(certPath), key: await Deno.readTextFile(keyPath) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
