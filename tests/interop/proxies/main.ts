/** Our server behind the proxies of others, for clients of ours and of others. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Verdict } from "../../conformance/verdict.ts";
import type { RunningProgram } from "../../support/program.ts";
import { buildEchoDescriptors } from "../rpc/echo_descriptors.ts";
import { judgePair, judgeTogether } from "../rpc/pair.ts";
import { CLIENTS, type ServerPeer, SERVERS } from "../rpc/peers.ts";
import type { ServerTask } from "../rpc/task.ts";
import { PROXIES, type Proxy } from "./proxies.ts";

/** One for each protocol, and ours. */
const NAMES = ["our HTTP/2 client", "our fetch client", "grpcio client", "connect-go client"];

/** See the top of the file. */
export async function* judgeProxies(): AsyncGenerator<Verdict> {
  await using descriptors = await buildEchoDescriptors();
  const clients = CLIENTS.filter(({ name }) => NAMES.includes(name));
  yield* judgeTogether(PROXIES.flatMap((proxy) => {
    const server = behind(proxy);
    return clients.flatMap((client) =>
      proxy.wires.filter((wire) => client.speaks(wire)).map((wire) => () =>
        judgePair(client, server, wire, descriptors.path)
      )
    );
  }));
}

/** Our server behind a proxy, which has the port. */
function behind(proxy: Proxy): ServerPeer {
  const ours = SERVERS.find(({ isOurs }) => isOurs);
  if (ours === undefined) {
    throw new Error("Cannot find our server");
  }
  return {
    name: `our server behind ${proxy.name}`,
    isOurs: true,
    speaks: (wire) => proxy.wires.includes(wire),
    cannot: () => ["our server goes away", ...proxy.cannot ?? []],
    start: (task) => startBehind(proxy, ours, task),
  };
}

async function startBehind(proxy: Proxy, ours: ServerPeer, task: ServerTask): Promise<RunningProgram> {
  const folder = await Deno.makeTempDir({ prefix: "edgewire-proxy-" });
  const server = await ours.start(task);
  const port = freePort();
  const program = await proxy.start(folder, port, `127.0.0.1:${server.ready[1]}`);
  await connectable(port);
  const end = async () => {
    await program.stop();
    await Deno.remove(folder, { recursive: true });
    return await server.stop();
  };
  let ended: ReturnType<typeof end> | undefined;
  const stop = () => ended ??= end();
  return {
    ...program,
    ready: Object.assign(program.ready, [program.ready[0], `${port}`]),
    stop,
    [Symbol.asyncDispose]: async () => void await stop(),
  };
}

/** Resolves when somebody listens on a port: haproxy says that it is ready a moment before. After two seconds the checks say that nobody does. */
async function connectable(port: number): Promise<void> {
  for (let turn = 0; turn < 100; turn++) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return;
    } catch {
      await sleep(20);
    }
  }
}

/** A port that nobody has at the moment, and that the system gives nobody by itself: it begins at 32768. */
function freePort(): number {
  while (true) {
    const port = 20_000 + Math.floor(Math.random() * 12_768);
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) {
        throw error;
      }
    }
  }
}
