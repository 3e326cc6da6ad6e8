// Node's http2 as a peer of ours.
//
//   node node_peer.mjs server [certificate.pem key.pem]    serves, and says on which port
//   node node_peer.mjs client URL [certificate.pem]        checks a server, and says a line of JSON for each check
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import http2 from "node:http2";
import process from "node:process";

const LARGE_SIZE = 10_000_000;

/** What `/bytes` answers: the low octet of each position. */
function pattern(length) {
  return Buffer.from(Uint8Array.from({ length }, (_, position) => position));
}

function serve(certPath, keyPath) {
  // With 10 MB, the default, an answer of 10 MB that is on its way makes it reset other streams with ENHANCE_YOUR_CALM.
  const options = { maxSessionMemory: 100 };
  const server = certPath === undefined
    ? http2.createServer(options)
    : http2.createSecureServer({ ...options, cert: readFileSync(certPath), key: readFileSync(keyPath) });
  server.on("stream", answer);
  server.listen(0, "127.0.0.1", () => console.log(`listening on ${server.address().port}`));
}

function answer(stream, headers) {
  stream.on("error", () => {});
  const path = headers[":path"];
  const length = /^\/bytes\/(\d+)$/.exec(path)?.[1];
  if (length !== undefined) {
    stream.respond({ ":status": 200, "content-length": length }, { endStream: headers[":method"] === "HEAD" });
    stream.end(headers[":method"] === "HEAD" ? undefined : pattern(Number(length)));
  } else if (path === "/echo") {
    let trailers = {};
    stream.on("trailers", (fields) => trailers = { ...fields });
    stream.on("wantTrailers", () => stream.sendTrailers(trailers));
    stream.respond({ ":status": 200 }, { waitForTrailers: true });
    stream.pipe(stream);
  } else if (path === "/trailers") {
    stream.on("wantTrailers", () => stream.sendTrailers({ "x-trailer": "end" }));
    stream.respond({ ":status": 200 }, { waitForTrailers: true });
    stream.end("Hello from Node\n");
  } else if (path === "/reset") {
    stream.close(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM);
  } else {
    if (path === "/goaway") {
      stream.session.close();
    }
    stream.respond({ ":status": 200 });
    stream.end("Hello from Node\n");
  }
}

/** Sends a request, and gives all of its answer. */
async function request(session, headers, body, trailers) {
  const stream = session.request(headers, { endStream: body === undefined, waitForTrailers: trailers !== undefined });
  stream.on("wantTrailers", () => stream.sendTrailers(trailers));
  const answer = { status: 0, headers: {}, trailers: {}, body: Buffer.alloc(0) };
  stream.on("response", (headers) => Object.assign(answer, { status: headers[":status"], headers }));
  stream.on("trailers", (fields) => answer.trailers = fields);
  const chunks = [];
  stream.on("data", (chunk) => chunks.push(chunk));
  if (body !== undefined) {
    stream.end(body);
  }
  await once(stream, "close").catch(() => {}); // An error says less than the code.
  if (stream.rstCode !== 0) {
    throw Object.assign(new Error(`reset with ${stream.rstCode}`), { rstCode: stream.rstCode });
  }
  answer.body = Buffer.concat(chunks);
  return answer;
}

function ensure(condition, what) {
  if (!condition) {
    throw new Error(what);
  }
}

const CHECKS = {
  "GET": async (session) => {
    const { status, body } = await request(session, { ":path": "/" });
    ensure(status === 200 && body.length > 0, `status ${status}, ${body.length} octets`);
  },
  "HEAD": async (session) => {
    const { headers, body } = await request(session, { ":path": "/bytes/12345", ":method": "HEAD" });
    ensure(headers["content-length"] === "12345" && body.length === 0, `content of ${body.length} octets`);
  },
  "POST with echo": (session) => echo(session, 1000),
  "10 MB up and down": (session) => echo(session, LARGE_SIZE),
  "10 MB down": async (session) => {
    const { body } = await request(session, { ":path": `/bytes/${LARGE_SIZE}` });
    ensure(body.equals(pattern(LARGE_SIZE)), `received ${body.length} other octets`);
  },
  "trailers": async (session) => {
    const { trailers } = await request(session, { ":path": "/trailers" });
    ensure(trailers["x-trailer"] === "end", `trailers ${JSON.stringify(trailers)}`);
  },
  "request trailers": async (session) => {
    const headers = { ":path": "/echo", ":method": "POST" };
    const { body, trailers } = await request(session, headers, Buffer.from("hello"), { "x-request-trailer": "sent" });
    ensure(body.toString() === "hello" && trailers["x-request-trailer"] === "sent", JSON.stringify(trailers));
  },
  "100 at once": (session) => Promise.all(Array.from({ length: 100 }, (_, i) => echo(session, 20_000 + i))),
  "RST_STREAM from the server": async (session) => {
    const error = await request(session, { ":path": "/reset" }).catch((error) => error);
    ensure(error.rstCode === http2.constants.NGHTTP2_ENHANCE_YOUR_CALM, `not ENHANCE_YOUR_CALM but ${error.rstCode}`);
    await CHECKS["GET"](session);
  },
  "RST_STREAM to the server": async (session) => {
    const stream = session.request({ ":path": "/wait", ":method": "POST" }, { endStream: false });
    await once(stream, "data");
    stream.close(http2.constants.NGHTTP2_CANCEL);
    await once(stream, "close");
    await CHECKS["GET"](session);
  },
  "PING": (session) =>
    new Promise((resolve, reject) => session.ping((error) => error === null ? resolve() : reject(error))),
  "GOAWAY": async (session) => {
    const goaway = once(session, "goaway");
    await CHECKS["GET"](session);
    await request(session, { ":path": "/goaway" });
    const [code] = await goaway;
    ensure(code === 0, `code ${code}`);
    await new Promise((resolve) => session.closed && session.destroyed ? resolve() : session.once("close", resolve));
  },
};

async function echo(session, length) {
  const sent = pattern(length);
  const { body } = await request(session, { ":path": "/echo", ":method": "POST" }, sent);
  ensure(body.equals(sent), `sent ${length} octets, received ${body.length} others`);
}

async function check(url, certPath) {
  const session = http2.connect(url, certPath === undefined ? {} : { ca: readFileSync(certPath) });
  session.on("error", (error) => console.error(error));
  for (const [name, run] of Object.entries(CHECKS)) {
    const error = await run(session).then(() => undefined, (error) => String(error));
    console.log(JSON.stringify({ check: name, error }));
  }
  session.destroy();
}

const [command, ...rest] = process.argv.slice(2);
await (command === "server" ? serve(...rest) : check(...rest));
