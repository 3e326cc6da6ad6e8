/** Proxies of others in front of our echo server, without TLS. */
import { installTool } from "../../conformance/tools.ts";
import { type RunningProgram, startProgram } from "../../support/program.ts";
import type { SpecialCheck } from "../rpc/echo_checks.ts";
import type { Wire } from "../rpc/wire.ts";

/** Both of them say this when they listen. */
const USES_EPOLL = /using the "epoll"|Using epoll\(\)/;

/** A proxy, and how it is set up. */
export interface Proxy {
  /** As in a table. */
  readonly name: string;
  readonly wires: readonly Wire[];
  /** What does not pass. */
  readonly cannot?: readonly SpecialCheck[];
  /** @param port Where it is to listen. @param backend Host and port of the server. */
  start(folder: string, port: number, backend: string): Promise<RunningProgram>;
}

const GRPC: Wire = { protocol: "grpc", version: "2", isTls: false };
const HTTP1: readonly Wire[] = [
  { protocol: "grpc-web", version: "1.1", isTls: false },
  { protocol: "connect", version: "1.1", isTls: false },
];
const HTTP2: readonly Wire[] = [
  GRPC,
  { protocol: "grpc-web", version: "2", isTls: false },
  { protocol: "connect", version: "2", isTls: false },
];

/** All of them. */
export const PROXIES: readonly Proxy[] = [
  {
    name: "nginx's grpc_pass",
    wires: [GRPC],
    start: (folder, port, backend) =>
      startNginx(folder, `listen 127.0.0.1:${port} http2;`, `grpc_pass grpc://${backend};`),
  },
  {
    name: "nginx's proxy_pass, HTTP/1.1",
    wires: HTTP1,
    start: (folder, port, backend) => startNginx(folder, `listen 127.0.0.1:${port};`, proxyPass(backend)),
  },
  {
    name: "haproxy, h2c",
    wires: HTTP2,
    // When an answer ends before its request, and the server resets that, haproxy 2.6 loses the answer. It does so with tonic's server as well.
    cannot: ["request of 4 MiB"],
    start: startHaproxy,
  },
];

/** As a reader of nginx's documentation would do it who wants streams. */
const proxyPass = (backend: string) => `
      proxy_pass http://${backend};
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_request_buffering off;
      proxy_buffering off;`;

async function startNginx(folder: string, listen: string, location: string): Promise<RunningProgram> {
  const path = `${folder}/nginx.conf`;
  await Deno.writeTextFile(
    path,
    `daemon off;
master_process off;
pid ${folder}/pid;
error_log stderr notice;
events {}
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  client_max_body_size 0;
  server {
    ${listen}
    location / {
      ${location}
    }
  }
}
`,
  );
  return await startProgram(await installTool("nginx"), ["-p", folder, "-e", "stderr", "-c", path], USES_EPOLL);
}

async function startHaproxy(folder: string, port: number, backend: string): Promise<RunningProgram> {
  const path = `${folder}/haproxy.cfg`;
  await Deno.writeTextFile(
    path,
    `defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen echo
  bind 127.0.0.1:${port} proto h2
  server echo ${backend} proto h2
`,
  );
  return await startProgram(await installTool("haproxy"), ["-f", path, "-db", "-V"], USES_EPOLL);
}
