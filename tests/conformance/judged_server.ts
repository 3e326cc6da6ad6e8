/** Starts `http2_server.ts` as a process of its own. */
import type { Certificate } from "../support/certificate.ts";
import { type RunningProgram, startProgram } from "../support/program.ts";

const PROGRAM = new URL("http2_server.ts", import.meta.url).pathname;

/** A server of ours that runs. Dispose of it. */
export interface JudgedServer extends RunningProgram {
  readonly port: number;
}

/** Starts our server, by TLS if there is a certificate. */
export async function startJudgedServer(certificate?: Certificate): Promise<JudgedServer> {
  const paths = certificate === undefined ? [] : [certificate.certPath, certificate.keyPath];
  const args = ["run", "--quiet", "--allow-net", "--allow-read", PROGRAM, ...paths];
  const program = await startProgram(Deno.execPath(), args, /listening on (\d+)\n/);
  return { ...program, port: Number(program.ready[1]) };
}
