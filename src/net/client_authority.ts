/** Who clients must be: certificates of those who sign a client's. */
import { X509Certificate } from "node:crypto";
import type { TLSSocket } from "node:tls";

/** The certificates of a text, each by itself. */
const PEM_CERTIFICATES = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** As many certificates as a client's chain may have. */
const MAX_CHAIN = 10;

/** Reads certificates as PEM. @throws {Error} There are none, or one that is none. */
export function parseAuthorities(pem: string): X509Certificate[] {
  return (pem.match(PEM_CERTIFICATES) ?? [pem]).map((block) => new X509Certificate(block));
}

/**
 * Returns whether a client's certificate leads to one of the authorities. It is for TLS sessions that are resumed, of which Deno 2.9.6 has one store for the
 * whole process: the client showed its certificate when the session began, and the authority of then may not be trusted any more.
 */
export function isTrusted(socket: TLSSocket, authorities: readonly X509Certificate[]): boolean {
  let shown: { raw?: Uint8Array; issuerCertificate?: typeof shown } | undefined = socket.getPeerCertificate(true);
  let child: X509Certificate | undefined;
  for (let length = 0; shown?.raw !== undefined && length < MAX_CHAIN; length++) {
    const certificate = new X509Certificate(shown.raw);
    if (child !== undefined && !isIssuer(certificate, child)) {
      return false;
    }
    if (authorities.some((authority) => authority.raw.equals(certificate.raw) || isIssuer(authority, certificate))) {
      return true;
    }
    child = certificate;
    shown = shown.issuerCertificate === shown ? undefined : shown.issuerCertificate;
  }
  return false;
}

function isIssuer(issuer: X509Certificate, certificate: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}
