/**
 * The same requests said to us, to Node's http and to nginx, which passes them on to us: where others accept what we refuse, or the other way
 * round, a reason is given, or it is a failure. And whatever nginx lets through, we take for the same number of requests as it does.
 *
 * `deno run --allow-all tests/conformance/front_door/differential.ts`
 */
import { createFetchBridge, serveHttp } from "../../../src/net/mod.ts";
import { type RunningProgram, startProgram } from "../../support/program.ts";
import { RawClient } from "../../support/raw_client.ts";
import { installTool } from "../tools.ts";
import { runJudge, type Verdict } from "../verdict.ts";
import { NGINX_REASONS, NODE_REASONS } from "./reasons.ts";
import { HONEST, HOSTILE, type RequestCase } from "./requests.ts";

/** How long a server may think about a request, in milliseconds, before it is taken to wait for more. */
const QUIET_MS = 200;

/** Requests at a time. */
const BATCH = 16;

/** What must never be seen, and comes behind each hostile request. */
const SMUGGLED = "GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n";

const ROOT = new URL("../../..", import.meta.url);

type Outcome = "accepts" | "refuses";

interface Answers {
  readonly outcome: Outcome;
  /** Statuses of all answers but interim ones. */
  readonly statuses: readonly number[];
}

/** Says something to a server, and hears it out. */
async function say(port: number, input: string): Promise<Answers> {
  const client = await RawClient.connect({ hostname: "127.0.0.1", port });
  const timer = setTimeout(() => client.close(), QUIET_MS);
  await client.send(input).catch(() => {});
  const text = await client.readAll();
  clearTimeout(timer);
  client.close();
  const statuses = [...text.matchAll(/HTTP\/1\.[01] ([2-5][0-9][0-9]) /g)].map(([, status]) => Number(status));
  return { outcome: statuses.length > 0 && statuses[0]! < 400 ? "accepts" : "refuses", statuses };
}

async function inBatches<T, R>(items: readonly T[], action: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let start = 0; start < items.length; start += BATCH) {
    results.push(...await Promise.all(items.slice(start, start + BATCH).map(action)));
  }
  return results;
}

async function startNginx(folder: string, backendPort: number): Promise<{ nginx: RunningProgram; port: number }> {
  const program = await installTool("nginx");
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  await Deno.writeTextFile(
    `${folder}/nginx.conf`,
    `daemon off; master_process off; worker_processes 1; pid ${folder}/pid; error_log stderr notice;
events { worker_connections 512; }
http {
  access_log off;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi; uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://127.0.0.1:${backendPort};
      proxy_http_version 1.1;
      proxy_request_buffering off;
      proxy_set_header Host $http_host;
      proxy_set_header Connection "";
    }
  }
}
`,
  );
  const nginx = await startProgram(
    program,
    ["-p", folder, "-e", "stderr", "-c", `${folder}/nginx.conf`],
    /epoll|using the/,
  );
  for (let turn = 0; turn < 100; turn++) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return { nginx, port };
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  throw new Error("nginx does not listen");
}

/** Compares what others do with what we do. */
function compare(
  judge: string,
  cases: readonly RequestCase[],
  ours: readonly Answers[],
  theirs: readonly Answers[],
  reasons: Readonly<Record<string, string>>,
): Verdict {
  const notes: string[] = [];
  let [passed, agreed] = [0, 0];
  const unused = new Set(Object.keys(reasons));
  cases.forEach(([what], index) => {
    const [our, their] = [ours[index]!, theirs[index]!];
    unused.delete(what);
    if (our.outcome === their.outcome) {
      agreed++;
      passed++;
      if (what in reasons) {
        notes.push(`Not needed any more: the reason for "${what}"`);
      }
    } else if (what in reasons) {
      passed++;
    } else {
      notes.push(`${what}: we say ${our.statuses} and it says ${their.statuses}, and there is no reason`);
    }
  });
  notes.unshift(`${agreed} the same, ${passed - agreed} different for a reason`);
  notes.push(...[...unused].map((what) => `There is no request "${what}"`));
  return { judge, passed, total: cases.length, notes };
}

/** Judges how we take requests by how others do. */
export async function* judgeByOthers(): AsyncGenerator<Verdict> {
  const seen: string[] = [];
  const server = await serveHttp(createFetchBridge(async (request) => {
    seen.push(new URL(request.url).pathname);
    await request.bytes();
    return new Response("ok");
  }, () => {}));
  const { port } = server.addresses[0]!;
  const folder = await Deno.makeTempDir({ prefix: "edgewire-nginx-" });
  try {
    const cases = [...HOSTILE, ...HONEST];
    const input = ([what, text]: RequestCase) => HONEST.some(([name]) => name === what) ? text : text + SMUGGLED;
    const ours = await inBatches(cases, (each) => say(port, input(each)));
    const wrong = cases.filter((_, index) => ours[index]!.outcome !== (index < HOSTILE.length ? "refuses" : "accepts"));
    const smuggled = seen.filter((path) => path === "/smuggled").length;
    yield {
      judge: "Requests said to us",
      passed: cases.length - wrong.length - smuggled,
      total: Math.max(cases.length, 120),
      notes: [...wrong.map(([what]) => what), ...smuggled > 0 ? [`${smuggled} were smuggled`] : []],
    };

    const nodeProgram = new URL("tests/conformance/front_door/node_server.mjs", ROOT).pathname;
    await using node = await startProgram(await installTool("node"), [nodeProgram], /listening on (\d+)\n/);
    const nodes = await inBatches(cases, (each) => say(Number(node.ready[1]), input(each)));
    yield compare("Node's http beside us", cases, ours, nodes, NODE_REASONS);

    const { nginx, port: nginxPort } = await startNginx(folder, port);
    await using _nginx = nginx;
    const viaNginx: Answers[] = [];
    const split: string[] = [];
    for (const each of cases) {
      seen.length = 0;
      const answers = await say(nginxPort, input(each));
      viaNginx.push(answers);
      // What nginx has answered with a success came from us: as many as it took for requests.
      const accepted = answers.statuses.filter((status) => status < 400).length;
      if (seen.length !== accepted) {
        split.push(`${each[0]}: nginx has ${answers.statuses}, we saw ${seen.length === 0 ? "none" : seen}`);
      }
    }
    yield compare("nginx in front of us", cases, ours, viaNginx, NGINX_REASONS);
    yield {
      judge: "What nginx lets through is for us what it is for nginx",
      passed: cases.length - split.length,
      total: cases.length,
      notes: split,
    };
  } finally {
    await server.close();
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) {
  await runJudge(judgeByOthers);
}
