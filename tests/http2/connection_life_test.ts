/** Connections from their beginning to their end: GOAWAY, shutdown, and what time does (RFC 9113 §6.5.3, §6.8). */
import assert from "node:assert/strict";
import { data, goaway, ping, PREFACE, resetStream, settings, settingsAck } from "../support/frame_builder.ts";
import { fieldList, REQUEST, TestPeer } from "../support/test_peer.ts";

const OK = fieldList({ ":status": "200" });
const SHUTDOWN_PING = "0200000000000000";
const shutdownAck = ping("\x02\0\0\0\0\0\0\0", { ack: true });

Deno.test("Both sides begin with SETTINGS, the client behind the preface", () => {
  const server = new TestPeer("server", { handshake: false });
  server.wantOnly("SETTINGS 3=128 4=1048576 6=65536", "WINDOW_UPDATE 0 4128769");
  server.send(PREFACE, settings(), settingsAck());
  server.wantOnly("SETTINGS ack");
  const client = new TestPeer("client", { handshake: false });
  client.wantOnly("SETTINGS 2=0 4=1048576 6=65536", "WINDOW_UPDATE 0 4128769");
  const limits = { maxHeaderTableSize: 0, maxFrameSize: 20_000, connectionWindowSize: 65_535, streamWindowSize: 1 };
  new TestPeer("client", { handshake: false, limits }).wantOnly("SETTINGS 1=0 2=0 4=1 5=20000 6=65536");
});

Deno.test("Shutdown says first that it comes, and after a round trip from which stream on", () => {
  const peer = new TestPeer("server");
  peer.open(1);
  peer.connection.shutdown();
  assert.ok(peer.connection.isDraining && !peer.connection.isClosed);
  peer.wantOnly("GOAWAY 2147483647 NO_ERROR", `PING ${SHUTDOWN_PING}`);
  peer.connection.shutdown(); // Once is enough.
  peer.open(3); // It was on its way.
  peer.send(ping("somebody", { ack: true }));
  peer.wantIdle();
  peer.send(shutdownAck);
  peer.wantOnly("GOAWAY 3 NO_ERROR");
  peer.wantEvents("request 1 POST /", "request 3 POST /");
  // Not served, nor an error: HPACK goes on, and its DATA is dropped.
  peer.send(peer.headers(5, { ...REQUEST, b: "c" }), data(5, "abc"), peer.headers(5, { d: "e" }, { endStream: true }));
  peer.send(peer.headers(1, { b: "c" }, { endStream: true }));
  peer.wantIdle();
  peer.wantEvents("trailers 1 b=c");
  peer.stream(1).respond(OK, true);
  peer.send(resetStream(3, 8));
  peer.wantOnly("HEADERS 1 :status=200 end");
  peer.wantEvents("reset 3 CANCEL peer", "close");
  assert.ok(peer.connection.isClosed);
  assert.equal(peer.connection.pollTimeout(), undefined);
});

Deno.test("Shutdown does not wait for a round trip longer than ten seconds", () => {
  const peer = new TestPeer("server");
  peer.open(1);
  peer.connection.shutdown();
  peer.take();
  peer.advance(9999);
  peer.wantIdle();
  peer.advance(1);
  peer.wantOnly("GOAWAY 1 NO_ERROR");
  assert.equal(peer.connection.isClosed, false);
});

Deno.test("Shutdown without streams ends the connection after the round trip, before the handshake at once", () => {
  const peer = new TestPeer("server");
  peer.connection.shutdown();
  peer.send(shutdownAck);
  peer.wantOnly("GOAWAY 2147483647 NO_ERROR", `PING ${SHUTDOWN_PING}`, "GOAWAY 0 NO_ERROR");
  peer.wantEvents("close");
  const fresh = new TestPeer("server", { handshake: false });
  fresh.take();
  fresh.connection.shutdown();
  fresh.wantOnly("GOAWAY 0 NO_ERROR");
  fresh.wantEvents("close");
});

Deno.test("A client's shutdown lets its streams end", () => {
  const peer = new TestPeer("client");
  peer.request(REQUEST, true);
  peer.connection.shutdown();
  assert.equal(peer.connection.canOpenStream, false);
  assert.throws(() => peer.request(), { name: "RangeError", message: /takes no new ones/ });
  peer.wantEvents();
  peer.send(peer.headers(1, { ":status": "200" }, { endStream: true }));
  peer.wantEvents("response 1 200 end", "close");
});

Deno.test("Close ends everything now, and all are told before the connection is", () => {
  const peer = new TestPeer("server");
  peer.open(1, 3);
  peer.connection.close(0xb, "Enough");
  peer.wantOnly("GOAWAY 3 ENHANCE_YOUR_CALM");
  peer.wantEvents(
    "request 1 POST /",
    "request 3 POST /",
    "reset 1 ENHANCE_YOUR_CALM local",
    "reset 3 ENHANCE_YOUR_CALM local",
    "close ENHANCE_YOUR_CALM local",
  );
  peer.connection.close();
  peer.connection.shutdown();
  peer.connection.handleEof();
  peer.connection.handleTimeout(1e9);
  peer.stream(1).respond(OK, true);
  peer.wantIdle();
  peer.wantEvents();
});

Deno.test("The end of input is clean between frames without streams, else it is told", () => {
  const idle = new TestPeer("server");
  idle.connection.handleEof();
  idle.wantEvents("close");
  const busy = new TestPeer("server");
  busy.open(1);
  busy.connection.handleEof();
  busy.wantEvents("request 1 POST /", "reset 1 NO_ERROR peer", "close NO_ERROR peer");
  const cut = new TestPeer("server");
  cut.send(ping("12345678").subarray(0, 12));
  cut.connection.handleEof();
  cut.wantEvents("close NO_ERROR peer");
});

Deno.test("GOAWAY says which streams were not processed; the others end", () => {
  const peer = new TestPeer("client");
  [1, 3, 5].forEach(() => peer.request());
  peer.send(goaway(3, 0, "bye"));
  peer.wantEvents("reset 5 REFUSED_STREAM peer unprocessed", "goaway 3 NO_ERROR");
  assert.equal(peer.connection.canOpenStream, false);
  peer.send(peer.headers(3, { ":status": "200" }, { endStream: true }));
  peer.wantEvents("response 3 200 end");
  peer.stream(3).end();
  peer.send(goaway(1, 2)); // Lower, as it may be.
  peer.wantEvents("goaway 1 INTERNAL_ERROR");
  peer.send(resetStream(1, 8));
  peer.wantEvents("reset 1 CANCEL peer", "close");
});

Deno.test("A shutdown of the server's loses no request of the client", () => {
  const peer = new TestPeer("client");
  peer.request(REQUEST, true);
  peer.send(goaway(2 ** 31 - 1, 0), ping("shutdown"));
  peer.wantEvents("goaway 2147483647 NO_ERROR");
  assert.ok(peer.take().includes(`PING ${"73687574646f776e"} ack`));
  peer.send(goaway(1, 0), peer.headers(1, { ":status": "200" }, { endStream: true }));
  peer.wantEvents("goaway 1 NO_ERROR", "response 1 200 end", "close");
});

Deno.test("All streams are told before the connection ends with the last of them", () => {
  const unprocessed = new TestPeer("client");
  unprocessed.request();
  unprocessed.send(goaway(2 ** 31 - 1, 0), goaway(0, 0));
  unprocessed.wantEvents(
    "goaway 2147483647 NO_ERROR",
    "reset 1 REFUSED_STREAM peer unprocessed",
    "close",
  );
  const faulty = new TestPeer("client");
  faulty.request();
  faulty.connection.shutdown();
  faulty.send(faulty.headers(1, { ":status": "nought" }));
  faulty.wantEvents("reset 1 PROTOCOL_ERROR local", "close");
});

Deno.test("What is told of one stream may end others, which then hear nothing more", () => {
  const peer = new TestPeer("client", {
    streamHandler: { onReset: (stream) => stream.id === 3 && peer.stream(5).reset() },
  });
  [1, 3, 5, 7].forEach(() => peer.request());
  peer.send(goaway(1, 0));
  peer.wantEvents(
    "reset 3 REFUSED_STREAM peer unprocessed",
    "reset 7 REFUSED_STREAM peer unprocessed",
    "goaway 1 NO_ERROR",
  );
});

const stuck = { settings: [[4, 0]] as const };

Deno.test("A connection that is closed while streams are found stalled tells each of them once", () => {
  const peer = new TestPeer("server", { ...stuck, streamHandler: { onReset: () => peer.connection.close() } });
  peer.open(1, 3);
  for (const id of [1, 3]) {
    peer.stream(id).respond(OK);
    peer.stream(id).write(new Uint8Array(10));
  }
  peer.take();
  peer.advance(60_000);
  peer.wantEvents(
    "request 1 POST /",
    "request 3 POST /",
    "reset 1 CANCEL local",
    "reset 3 NO_ERROR local",
    "close NO_ERROR local",
  );
  peer.wantOnly("RST_STREAM 1 CANCEL", "GOAWAY 3 NO_ERROR");
});
