/** A certificate for developing with TLS on this machine. */
import { generate } from "selfsigned";

/** How long it is good, in days. It is made anew at every start. */
const DAYS = 30;

/** Makes a certificate for `localhost`, 127.0.0.1 and ::1 that no browser trusts unless it is told to. */
export async function createDevCertificate(): Promise<{ cert: string; key: string }> {
  const { cert, private: key } = await generate([{ name: "commonName", value: "localhost" }], {
    notAfterDate: new Date(Date.now() + DAYS * 24 * 60 * 60 * 1000),
    keyType: "ec",
    algorithm: "sha256", // The default is SHA-1, which nobody takes any more.
    extensions: [
      { name: "basicConstraints", cA: false }, // Deno's client refuses those of authorities.
      {
        name: "subjectAltName",
        altNames: [{ type: 2, value: "localhost" }, { type: 7, ip: "127.0.0.1" }, { type: 7, ip: "::1" }],
      },
    ],
  });
  return { cert, key };
}
