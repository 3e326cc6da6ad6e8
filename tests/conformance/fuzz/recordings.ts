/** What clients of others send: recorded between them and our server. */
import { Buffer } from "node:buffer";
import { makeCertificate } from "../../support/certificate.ts";
import { launchBrowser } from "../../support/browser.ts";
import { PREFACE } from "../../support/frame_builder.ts";
import { tryProgram } from "../../support/program.ts";
import { type Recording, toRecording } from "../../support/stream_mutator.ts";
import { goPeer, NODE_PEER } from "../../interop/http2/servers.ts";
import { startJudgedServer } from "../judged_server.ts";
import { installTool } from "../tools.ts";

/** Of each connection that much is kept, in bytes: all, but for a client that does not stop. */
const MAX_LENGTH = 50_000_000;

/** Frames of a recording. Longer ones make the run longer. */
const MAX_FRAMES = 40;

/** What is recorded of one client. */
export interface ClientRecordings {
  readonly client: string;
  readonly recordings: readonly Recording[];
}

/** Takes connections, hands them on to `port` as h2c, and keeps what the clients send. */
class RecordingProxy implements AsyncDisposable {
  readonly port: number;
  readonly #listener: Deno.Listener;
  readonly #target: number;
  readonly #recorded: Uint8Array[][] = [];
  readonly #sockets = new Set<Deno.Conn>();
  readonly #accepting: Promise<void>;

  constructor(listener: Deno.Listener, target: number) {
    this.#listener = listener;
    this.port = (listener.addr as Deno.NetAddr).port;
    this.#target = target;
    this.#accepting = this.#acceptAll();
  }

  /** One for each connection that spoke HTTP/2. */
  get recordings(): Recording[] {
    return this.#recorded.map((chunks) => new Uint8Array(Buffer.concat(chunks)))
      .filter((bytes) => bytes.length > PREFACE.length + 9)
      .map((bytes) => toRecording(bytes, MAX_FRAMES))
      .filter((frames) => frames.length > 1);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#accepting;
    this.#sockets.forEach((socket) => closeQuietly(socket));
  }

  async #acceptAll(): Promise<void> {
    try {
      for (;;) {
        this.#handOn(await this.#listener.accept());
      }
    } catch {
      // It was closed. Clients of ours that reset while they are accepted there are none.
    }
  }

  async #handOn(client: Deno.Conn): Promise<void> {
    const chunks: Uint8Array[] = [];
    this.#recorded.push(chunks);
    this.#sockets.add(client);
    try {
      const server = await Deno.connect({ hostname: "127.0.0.1", port: this.#target });
      this.#sockets.add(server);
      let length = 0;
      const keep = new TransformStream<Uint8Array, Uint8Array>({
        transform: (chunk, controller) => {
          if (length < MAX_LENGTH) {
            chunks.push(chunk.slice());
            length += chunk.length;
          }
          controller.enqueue(chunk);
        },
      });
      await Promise.all([
        client.readable.pipeThrough(keep).pipeTo(server.writable),
        server.readable.pipeTo(client.writable),
      ]);
    } catch {
      // One of them hung up.
    }
  }
}

function closeQuietly(socket: Deno.Conn): void {
  try {
    socket.close();
  } catch {
    // It is closed already.
  }
}

/** Runs `use` with the port of a proxy before a server of ours, and gives what went through it. */
async function record(
  client: string,
  tls: { cert: string; key: string } | undefined,
  use: (port: number) => Promise<unknown>,
): Promise<ClientRecordings> {
  await using server = await startJudgedServer();
  const place = { hostname: "127.0.0.1", port: 0 };
  const listener = tls === undefined ? Deno.listen(place) : Deno.listenTls({ ...place, ...tls, alpnProtocols: ["h2"] });
  await using proxy = new RecordingProxy(listener, server.port);
  await use(proxy.port);
  const { recordings } = proxy;
  if (recordings.length === 0) {
    throw new Error(`Nothing was recorded of ${client}`);
  }
  return { client, recordings };
}

async function useCurl(port: number): Promise<void> {
  const curl = await installTool("curl");
  const common = ["-sS", "--http2-prior-knowledge", "--max-time", "10", "-o", "/dev/null"];
  const url = `http://127.0.0.1:${port}`;
  for (
    const args of [
      [`${url}/`],
      ["--head", `${url}/bytes/100`],
      ["-d", "hello=world", "-H", "cookie: a=b; c=d", "-H", "x-long: " + "y".repeat(300), `${url}/echo`],
      ["--parallel", `${url}/`, "-o", "/dev/null", `${url}/trailers`, "-o", "/dev/null", `${url}/bytes/70000`],
      [`${url}/reset`],
    ]
  ) {
    await tryProgram(curl, [...common, ...args]); // That /reset fails is meant to be.
  }
}

async function useNghttp(port: number): Promise<void> {
  const nghttp = await installTool("nghttp");
  const url = `http://127.0.0.1:${port}`;
  const body = await Deno.makeTempFile();
  try {
    await Deno.writeFile(body, new Uint8Array(30_000));
    for (
      const args of [
        [`${url}/`, `${url}/trailers`, `${url}/bytes/40000`],
        ["--padding=40", "--trailer=x-request-trailer: sent", `--data=${body}`, `${url}/echo`],
        ["--window-bits=4", "--connection-window-bits=16", "--header-table-size=0", "--multiply=8", `${url}/bytes/500`],
        ["--continuation", "--weight=3", "--header-table-size=8192", "--expect-continue", `--data=${body}`, `${url}/`],
      ]
    ) {
      await tryProgram(nghttp, ["--timeout=10", "--null-out", ...args]);
    }
  } finally {
    await Deno.remove(body);
  }
}

/** Our server is no gRPC server: the calls fail, but what the client sends is sent. */
async function useGrpcGo(port: number): Promise<void> {
  const client = await installTool("grpc-go-client");
  for (const test of ["empty_unary", "large_unary", "client_streaming", "server_streaming", "cancel_after_begin"]) {
    const args = ["--server_host=127.0.0.1", `--server_port=${port}`, `--test_case=${test}`];
    await tryProgram(client, args, { timeoutMs: 10_000 });
  }
}

/** By TLS, as browsers know nothing else. */
async function useChromium(port: number): Promise<void> {
  const browser = await launchBrowser();
  try {
    const page = await browser.newPage({ ignoreHTTPSErrors: true });
    await page.goto(`https://127.0.0.1:${port}/page`, { timeout: 20_000 });
    await page.evaluate(`(async () => {
      const post = { method: "POST", body: new Uint8Array(20000) };
      await Promise.all(["/", "/trailers", "/bytes/90000"].map(async (path) => (await fetch(path)).arrayBuffer()));
      await (await fetch("/echo", post)).arrayBuffer();
      await fetch("/reset").catch(() => {});
      const controller = new AbortController();
      const { body } = await fetch("/bytes/9000000", { signal: controller.signal });
      await body.getReader().read();
      controller.abort();
      await (await fetch("/", { headers: { "x-some": "thing" } })).text();
    })()`);
  } finally {
    await browser.close();
  }
}

/** Records all clients. @throws {Error} One of them sent nothing. */
export async function recordClients(): Promise<ClientRecordings[]> {
  await using certificate = await makeCertificate();
  const node = await installTool("node");
  const go = await goPeer();
  const program = (command: string, ...args: string[]) => (port: number) =>
    tryProgram(command, [...args, "client", `http://127.0.0.1:${port}`], { timeoutMs: 30_000 });
  return [
    await record("curl", undefined, useCurl),
    await record("nghttp", undefined, useNghttp),
    await record("Go net/http", undefined, program(go)),
    await record("grpc-go", undefined, useGrpcGo),
    await record("Node http2", undefined, program(node, NODE_PEER)),
    await record("Chromium", certificate, useChromium),
  ];
}
