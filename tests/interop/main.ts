/**
 * Everything that we do with the programs of others. Prints a table of checks, and ends with 1 unless all is good: nothing is skipped.
 *
 * `deno task interop [http2] [grpc] [rpc] [proxies] [lecture] [tools] [peers]`: peers, which are the others among themselves, only when named.
 */
import { runJudge } from "../conformance/verdict.ts";
import { judgeGrpc } from "./grpc/main.ts";
import { judgeHttp2 } from "./http2/main.ts";
import { judgeLecture } from "./lecture/main.ts";
import { judgeProxies } from "./proxies/main.ts";
import { judgePeers, judgeRpc } from "./rpc/main.ts";
import { judgeTools } from "./tools/main.ts";

const JUDGES = {
  http2: judgeHttp2,
  grpc: judgeGrpc,
  rpc: judgeRpc,
  proxies: judgeProxies,
  lecture: judgeLecture,
  tools: judgeTools,
  peers: judgePeers,
};

function isJudge(name: string): name is keyof typeof JUDGES {
  return Object.hasOwn(JUDGES, name);
}

await runJudge(async function* () {
  const names = Deno.args.length > 0 ? Deno.args : Object.keys(JUDGES).filter((name) => name !== "peers");
  for (const name of names) {
    if (!isJudge(name)) {
      throw new Error(`There is no judge "${name}", but ${Object.keys(JUDGES).join(", ")}`);
    }
    const startMs = performance.now();
    yield* JUDGES[name]();
    console.log(`${name}: ${((performance.now() - startMs) / 1000).toFixed(1)} s`);
  }
});
