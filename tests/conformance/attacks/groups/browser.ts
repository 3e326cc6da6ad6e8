/** Attacks by pages of other sites, by environment variables, and by what servers tell the command line client. */
import type { Attack, AttackGroup, Outcome, Target } from "../attack.ts";
import { callBlock, data, fieldBlock, type Fields, headers, join } from "../frames.ts";
import { envelope, FILE, GREETER, HASH, lengthDelimited } from "../messages.ts";
import { ask, atRate, callJson, Http2Wire, sleep, waitForEnd } from "../sockets.ts";
import { SERVE_ARGUMENTS, SERVE_ENVIRONMENT } from "../../../support/server_process.ts";

const ROOT = new URL("../../../..", import.meta.url);

const FOREIGN_HOSTS = [
  "evil.example",
  "evil.example:50051",
  "localhost.evil.example",
  "127.0.0.1.evil.example",
  "localhost@evil.example",
  "xlocalhost",
  "192.168.1.1",
  "[::2]",
  "0x7f000001.evil.example",
];

/** A POST of JSON with a `Host` of its own. */
function post(host: string, path: string, message: unknown, more = ""): string {
  const body = JSON.stringify(message);
  return `POST ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\ncontent-type: application/json\r\n${more}` +
    `content-length: ${body.length}\r\n\r\n${body}`;
}

/** Puts a file into the store by the disk, as it is there when a page comes. */
function putFile(target: Target, name: string): void {
  Deno.writeTextFileSync(`${target.dataDir}/files/${name}`, "kept");
}

function isThere(target: Target, name: string): boolean {
  try {
    return Deno.statSync(`${target.dataDir}/files/${name}`).isFile;
  } catch {
    return false;
  }
}

/** Runs a program of this checkout to its end, or for so long. */
async function run(
  args: readonly string[],
  env: Record<string, string>,
  timeoutMs = 8000,
): Promise<{ readonly code: number; readonly stdout: Uint8Array; readonly text: string }> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: ROOT,
    env: { ...SERVE_ENVIRONMENT, NO_COLOR: "1", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const timer = setTimeout(() => child.kill("SIGTERM"), timeoutMs);
  const { code, stdout, stderr } = await child.output();
  clearTimeout(timer);
  return { code, stdout, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}

/** Starts `server.ts` with an environment, waits until it listens or ends, and asks it something. */
async function withServer<T>(
  env: Record<string, string>,
  ask: (target: Pick<Target, "hostname" | "port">, text: string) => Promise<T>,
  args: readonly string[] = ["--port", "0"],
): Promise<T | string> {
  const folder = Deno.makeTempDirSync({ prefix: "edgewire-environment-" });
  const child = new Deno.Command(Deno.execPath(), {
    args: [...SERVE_ARGUMENTS.slice(0, -1), new URL("server.ts", ROOT).pathname, "--host", "127.0.0.1", ...args],
    cwd: folder,
    env: { ...SERVE_ENVIRONMENT, NO_COLOR: "1", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  try {
    const { value = "" } = await reader.read();
    const port = Number(/listening on \S+:(\d+)/.exec(value)?.[1]);
    return Number.isNaN(port)
      ? `ended with ${(await child.status).code}`
      : await ask({ hostname: "127.0.0.1", port }, value);
  } finally {
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await reader.cancel();
    await child.status;
    Deno.removeSync(folder, { recursive: true });
  }
}

const plain = (target: Pick<Target, "hostname" | "port">): Target => ({
  ...target,
  adminPort: undefined,
  caCert: undefined,
  greeting: "",
  dataDir: "",
  pid: 0,
  maxBytes: Infinity,
  endMs: performance.now() + 5000,
});

export const browser: AttackGroup = {
  name: "browser and environment",
  attacks: [
    {
      name: "dns-rebinding",
      title: "File/Delete with the host of another site, as a page has it whose name leads here (C.12)",
      durationMs: 400,
      run: async (target): Promise<Outcome> => {
        const faults: string[] = [];
        putFile(target, "rebound");
        for (const host of FOREIGN_HOSTS) {
          const { status } = await ask(target, post(host, `${FILE}/Delete`, { name: "rebound" }));
          if (!isThere(target, "rebound")) {
            faults.push(`host: ${host} deleted a file (${status})`);
            putFile(target, "rebound");
          }
        }
        const { status } = await ask(
          target,
          post("evil.example", "http://evil.example/edgewire.v1.File/Delete", { name: "rebound" }),
        );
        if (!isThere(target, "rebound")) {
          faults.push(`a target in absolute form deleted a file (${status})`);
        }
        await waitForEnd(target);
        return { faults };
      },
    },
    {
      name: "dns-rebinding-http2",
      title: "The same by HTTP/2: :authority, a host field beside it, and neither of them (C.12)",
      durationMs: 400,
      run: async (target): Promise<Outcome> => {
        const faults: string[] = [];
        putFile(target, "rebound2");
        const common: Fields = [[":method", "POST"], [":scheme", "http"], [":path", `${FILE}/Delete`]];
        const ways: readonly Fields[] = [
          [...common, [":authority", "evil.example"], ["content-type", "application/proto"]],
          [...common, [":authority", "evil.example"], ["host", "localhost"], ["content-type", "application/proto"]],
          [...common, [":authority", "localhost"], ["host", "evil.example"], ["content-type", "application/proto"]],
          [...common, ["host", "evil.example"], ["content-type", "application/proto"]],
        ];
        for (const fields of ways) {
          const http2 = await Http2Wire.connect(target);
          await http2.wire.send(join(headers(1, fieldBlock(fields)), data(1, lengthDelimited(1, "rebound2"), true)));
          await http2.answered(1, 1000);
          http2.close();
          if (!isThere(target, "rebound2")) {
            faults.push(`${JSON.stringify(fields.slice(3))} deleted a file`);
            putFile(target, "rebound2");
          }
        }
        await waitForEnd(target);
        return { faults };
      },
    },
    {
      name: "dns-rebinding-admin",
      title: "The metrics with the host of another site (C.12)",
      durationMs: 400,
      run: async (target): Promise<Outcome> => {
        const admin = { ...target, port: target.adminPort!, greeting: "" };
        const faults: string[] = [];
        for (const host of FOREIGN_HOSTS) {
          const { status } = await ask(admin, `GET /metrics HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`);
          if (status === 200) {
            faults.push(`host: ${host} was told the metrics`);
          }
        }
        await waitForEnd(target);
        return { faults };
      },
    },
    {
      name: "own-hosts",
      title: "The other side: the names that a loopback server does have are answered (C.12)",
      durationMs: 400,
      run: async (target): Promise<Outcome> => {
        const faults: string[] = [];
        const hosts = [
          "localhost",
          `localhost:${target.port}`,
          "LOCALHOST",
          "a.localhost",
          "127.0.0.1",
          `127.0.0.1:${target.port}`,
          "127.8.8.8",
          "[::1]",
          "[::1]:80",
          "localhost.",
        ];
        for (const host of hosts) {
          const { status } = await ask(target, post(host, `${GREETER}/SayHello`, { name: "x" }));
          if (status !== 200) {
            faults.push(`host: ${host} was answered with ${status}`);
          }
        }
        await waitForEnd(target);
        return { faults };
      },
    },
    {
      name: "cross-site-get",
      title: "GETs that cost, from an <img> of another site (C.12)",
      durationMs: 400,
      run: async (target): Promise<Outcome> => {
        const faults: string[] = [];
        const query = `connect=v1&encoding=json&message=${encodeURIComponent('{"name":"medium.bin"}')}`;
        const get = (site: string, more = "") =>
          ask(
            target,
            `GET ${FILE}/HashFile?${query} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n${site}${more}\r\n`,
          );
        for (const site of ["sec-fetch-site: cross-site\r\n", "sec-fetch-site: same-site\r\n"]) {
          const { status } = await get(site, "sec-fetch-mode: no-cors\r\nsec-fetch-dest: image\r\n");
          if (status === 200) {
            faults.push(`${site.trim()} was answered with ${status}`);
          }
        }
        for (const site of ["sec-fetch-site: same-origin\r\n", "sec-fetch-site: none\r\n", ""]) {
          const { status } = await get(site);
          if (status !== 200) {
            faults.push(`${site.trim() || "no sec-fetch-site"} was answered with ${status}`);
          }
        }
        await waitForEnd(target);
        return { faults };
      },
    },
    {
      name: "simple-requests",
      title: "POSTs that a page may send without a preflight: text/plain, forms, no content type",
      durationMs: 400,
      run: async (target): Promise<Outcome> => {
        const faults: string[] = [];
        const types = [
          "text/plain",
          "text/plain; application/json",
          "application/x-www-form-urlencoded",
          "multipart/form-data",
          "",
        ];
        putFile(target, "simple");
        for (const type of types) {
          const body = '{"name":"simple"}';
          const head =
            `POST ${FILE}/Delete HTTP/1.1\r\nhost: localhost\r\norigin: http://evil.example\r\nconnection: close\r\n` +
            `${type && `content-type: ${type}\r\n`}content-length: ${body.length}\r\n\r\n${body}`;
          await ask(target, head);
          if (!isThere(target, "simple")) {
            faults.push(`content-type: ${type || "none"} deleted a file`);
            putFile(target, "simple");
          }
        }
        await waitForEnd(target);
        return { faults };
      },
    },
    {
      name: "preflights",
      title: "Preflights of other sites, by the hundred: none is allowed by default",
      durationMs: 400,
      run: async (target): Promise<Outcome> => {
        const faults: string[] = [];
        const preflight =
          `OPTIONS ${FILE}/Delete HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\norigin: http://evil.example\r\n` +
          "access-control-request-method: POST\r\naccess-control-request-headers: content-type\r\n\r\n";
        await atRate(target, 100, () => {
          ask(target, preflight).then(({ text }) => {
            if (/^access-control-allow-origin/im.test(text)) {
              faults.push("an origin was allowed");
            }
          }, () => {});
        });
        return { faults: [...new Set(faults)] };
      },
    },
    {
      name: "grpc-of-any-host",
      title:
        "The other side: gRPC's clients name hosts as they like on Unix sockets, and a proxy passes them on (C.12)",
      durationMs: 400,
      run: async (target): Promise<Outcome> => {
        const http2 = await Http2Wire.connect(target);
        const id = http2.takeStreamId();
        await http2.wire.send(
          join(headers(id, callBlock(`${HASH}/Sha`)), data(id, envelope(lengthDelimited(1, "x")), true)),
        );
        const isAnswered = await http2.answered(id, 2000);
        http2.close();
        await waitForEnd(target);
        return { faults: isAnswered ? [] : ["a call of gRPC for localhost was refused"] };
      },
    },
    {
      name: "environment-false",
      title: "EDGEWIRE_TRUST_FORWARDED=false, PROXY_PROTOCOL=0 and TLS_DEV=no switch nothing on (C.13)",
      durationMs: 8000,
      run: async (): Promise<Outcome> => {
        const env = { EDGEWIRE_TRUST_FORWARDED: "false", EDGEWIRE_PROXY_PROTOCOL: "0", EDGEWIRE_TLS_DEV: "no" };
        const fault = await withServer(env, async (target, text) => {
          const { status } = await callJson(plain(target), `${GREETER}/SayHello`, { name: "x" });
          return text.includes("https:") ? "TLS is on" : status === 200 ? "" : `SayHello was answered with ${status}`;
        });
        return { faults: fault === "" ? [] : [fault] };
      },
    },
    {
      name: "environment-empty",
      title: "Empty variables, as Compose and Helm write them, are none: nothing is stored at the root (C.13)",
      durationMs: 8000,
      run: async (): Promise<Outcome> => {
        const env = Object.fromEntries(
          [
            "DATA_DIR",
            "UNIX",
            "HASH_URL",
            "TLS_CERT",
            "TLS_KEY",
            "CLIENT_CA",
            "CORS_ORIGIN",
            "GRACE",
            "WORKERS",
            "MAX_CONNECTIONS",
            "TLS_DEV",
          ]
            .map((name) => [`EDGEWIRE_${name}`, ""]),
        );
        const fault = await withServer(env, async (target) => {
          const { status } = await callJson(plain(target), `${GREETER}/SayHello`, { name: "x" });
          return status === 200 ? "" : `SayHello was answered with ${status}`;
        });
        const faults = fault === "" ? [] : [fault];
        for (const path of ["/files", "/uploads"]) {
          try {
            Deno.statSync(path);
            faults.push(`${path} is there`);
            Deno.removeSync(path);
          } catch {
            // As it should be.
          }
        }
        return { faults };
      },
    },
    {
      name: "environment-port",
      title: "EDGEWIRE_PORT=tcp://10.0.0.1:50051, as Kubernetes makes it for a Service, is ignored (C.13)",
      durationMs: 8000,
      run: async (): Promise<Outcome> => {
        const env = { EDGEWIRE_PORT: "tcp://10.0.0.1:50051", PORT: "0" };
        const fault = await withServer(env, () => Promise.resolve(""), []);
        return { faults: fault === "" ? [] : [fault] };
      },
    },
    {
      name: "get-force",
      title: "`get --force` onto a device, a FIFO and a link: only regular files are replaced (C.15)",
      durationMs: 10_000,
      run: async (target): Promise<Outcome> => {
        const folder = Deno.makeTempDirSync({ prefix: "edgewire-force-" });
        const faults: string[] = [];
        try {
          Deno.writeTextFileSync(`${folder}/precious`, "precious");
          Deno.symlinkSync(`${folder}/precious`, `${folder}/link`);
          await new Deno.Command("mknod", { args: [`${folder}/null`, "c", "1", "3"] }).output();
          await new Deno.Command("mkfifo", { args: [`${folder}/fifo`] }).output();
          const client = ["run", "--quiet", "--allow-net", "--allow-env", "--allow-read", "--allow-write", "client.ts"];
          const url = `http://127.0.0.1:${target.port}`;
          const names = ["null", "fifo", "link"].filter((name) => {
            try {
              Deno.lstatSync(`${folder}/${name}`);
              return true;
            } catch {
              return false; // A container that may not make devices.
            }
          });
          const before = new Map(names.map((name) => [name, Deno.lstatSync(`${folder}/${name}`)]));
          await Promise.all(
            names.map((name) =>
              run([...client, "--url", url, "get", "small.bin", "--force", "--output", `${folder}/${name}`], {}, 4000)
            ),
          );
          for (const [name, { isSymlink, isCharDevice, isFifo }] of before) {
            const now = Deno.lstatSync(`${folder}/${name}`);
            if (now.isSymlink !== isSymlink || now.isCharDevice !== isCharDevice || now.isFifo !== isFifo) {
              faults.push(`${name} was replaced`);
            }
          }
        } finally {
          Deno.removeSync(folder, { recursive: true });
        }
        return { faults };
      },
    },
    {
      name: "terminal-escapes",
      title: "Names with C1 controls and bidi overrides, which a terminal must not be told as they are (C.15)",
      durationMs: 8000,
      run: async (target): Promise<Outcome> => {
        putFile(target, "\u202egpj.exe");
        putFile(target, "a\u009b31mb\u2066c");
        await sleep(100);
        const client = "run --quiet --allow-net --allow-env --allow-read client.ts";
        const command = `"${Deno.execPath()}" ${client} --url http://127.0.0.1:${target.port} ls`;
        // `script` gives it a terminal.
        const { code, stdout } = await new Deno.Command("script", {
          args: ["--quiet", "--return", "--command", command, "/dev/null"],
          cwd: ROOT,
          env: { NO_COLOR: "1" },
          stdin: "null",
        }).output();
        const text = new TextDecoder().decode(stdout).replaceAll("\r\n", "\n");
        // deno-lint-ignore no-control-regex -- control characters are what is looked for
        const bad = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/.exec(text);
        return {
          faults: [
            ...bad === null ? [] : [`ls prints U+${bad[0].charCodeAt(0).toString(16).padStart(4, "0")}`],
            ...code === 0 && text.includes("gpj.exe") ? [] : [`ls ended with ${code}: ${text.slice(0, 100)}`],
          ],
        };
      },
    },
  ] satisfies readonly Attack[],
};
