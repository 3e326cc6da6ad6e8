/** The servers of others, for our client. */
import { ErrorCode } from "../../../src/http2/mod.ts";
import { buildGoProgram, installTool } from "../../conformance/tools.ts";
import type { Verdict } from "../../conformance/verdict.ts";
import type { Certificate } from "../../support/certificate.ts";
import { type RunningProgram, startProgram } from "../../support/program.ts";
import { runChecks } from "../checks.ts";
import { clientChecks, pattern, type ServerAbilities } from "./client_checks.ts";

const OURS: ServerAbilities = {
  hasOurPaths: true,
  echoesTrailers: true,
  trailer: ["x-trailer", "end"],
  resetCode: ErrorCode.ENHANCE_YOUR_CALM,
  echoPath: "/echo",
  smallPath: "/",
  largePath: "/bytes/10000000",
};

interface Server {
  readonly name: string;
  readonly abilities: ServerAbilities;
  start(certificate: Certificate | undefined): Promise<{ program: RunningProgram; port: number }>;
}

const LISTENING = /listening on (\d+)\n/;

function paths(certificate: Certificate | undefined): string[] {
  return certificate === undefined ? [] : [certificate.certPath, certificate.keyPath];
}

async function startOnFreePort(command: string, args: readonly string[]) {
  const program = await startProgram(command, args, LISTENING);
  return { program, port: Number(program.ready[1]) };
}

const GO: Server = {
  name: "Go net/http server",
  abilities: { ...OURS, resetCode: ErrorCode.INTERNAL_ERROR },
  start: async (certificate) => await startOnFreePort(await goPeer(), ["server", ...paths(certificate)]),
};

const NODE: Server = {
  name: "Node http2 server",
  abilities: OURS,
  start: async (certificate) =>
    await startOnFreePort(await installTool("node"), [NODE_PEER, "server", ...paths(certificate)]),
};

/** Serves files, and cannot choose a port. */
function nghttpd(folder: string): Server {
  return {
    name: "nghttpd",
    abilities: {
      ...OURS,
      hasOurPaths: false,
      echoesTrailers: false,
      smallPath: "/small",
      largePath: "/large",
    },
    start: async (certificate) => {
      const port = certificate === undefined ? 30_200 : 30_201;
      const tls = certificate === undefined ? ["--no-tls"] : [];
      const files = certificate === undefined ? [] : [certificate.keyPath, certificate.certPath];
      const args = ["-v", "-d", folder, "--echo-upload", "--trailer=x-trailer: end", "-a", "127.0.0.1", ...tls];
      const program = await startProgram(await installTool("nghttpd"), [...args, `${port}`, ...files], /listen .*\n/);
      return { program, port };
    },
  };
}

/** The program of `node_peer.mjs`. */
export const NODE_PEER = new URL("node_peer.mjs", import.meta.url).pathname;

/** Builds `go/main.go`. */
export function goPeer(): Promise<string> {
  return buildGoProgram("interop-http2", new URL("go/main.go", import.meta.url).pathname);
}

async function checkServer(server: Server, certificate: Certificate | undefined): Promise<Verdict> {
  const { program, port } = await server.start(certificate);
  await using _ = program;
  const [checks, client] = await clientChecks({ port, certificate }, server.abilities);
  try {
    return await runChecks(`our client and ${server.name}, ${certificate === undefined ? "h2c" : "TLS"}`, checks);
  } finally {
    await client.close();
  }
}

/** Our client with the servers of others. */
export async function* checkServers(certificate: Certificate): AsyncGenerator<Verdict> {
  const folder = await Deno.makeTempDir({ prefix: "edgewire-nghttpd-" });
  try {
    await Deno.writeFile(`${folder}/small`, pattern(20));
    await Deno.writeFile(`${folder}/large`, pattern(10_000_000));
    for (const server of [GO, NODE, nghttpd(folder)]) {
      for (const each of [undefined, certificate]) {
        yield await checkServer(server, each);
      }
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
