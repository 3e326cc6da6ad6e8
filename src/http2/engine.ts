/**
 * The connection itself: its life from preface to last GOAWAY, and what becomes of streams and of itself when somebody does wrong.
 * What is received and sent is in `receiver.ts` and `sender.ts`. This module performs no I/O.
 */
import {
  type ByteAccount,
  type ByteAccountOwner,
  type HeaderField,
  minBytesOf,
  RefusalError,
  type RequestHead,
  Turn,
  Work,
} from "../http/mod.ts";
import { AbuseLimits } from "./abuse_limits.ts";
import { BufferedBytes } from "./buffered_bytes.ts";
import type { Connection, ConnectionHandler, ConnectionOptions, Role } from "./connection.ts";
import { ErrorCode, errorName } from "./constants.ts";
import { Http2ConnectionError, Http2StreamError } from "./errors.ts";
import { ReceiveWindow, SendWindow } from "./flow_window.ts";
import { Lifecycle, type LifecycleHost } from "./lifecycle.ts";
import { type Http2Limits, resolveLimits } from "./limits.ts";
import { Receiver, type ReceiverHost } from "./receiver.ts";
import { Sender, type SenderHost } from "./sender.ts";
import { SettingsSync } from "./settings_sync.ts";
import { type StallHost, StallWatch } from "./stall_watch.ts";
import { Http2Stream, type StreamHandler, type StreamHost } from "./stream.ts";
import { StreamConcurrency } from "./stream_concurrency.ts";
import { StreamRegistry } from "./stream_registry.ts";
import { nextState, StreamInput, StreamState } from "./stream_state.ts";

/** 431, Request Header Fields Too Large (RFC 6585 §5). */
const TOO_LARGE_RESPONSE: readonly HeaderField[] = Object.freeze([{ name: ":status", value: "431" }]);

/** Begins a connection. There is output at once. @throws {RangeError} A limit is out of its range. */
export function createConnection(options: ConnectionOptions): Connection {
  return new Engine(options);
}

class Engine implements Connection, StreamHost, SenderHost, ReceiverHost, LifecycleHost, StallHost, ByteAccountOwner {
  readonly role: Role;
  readonly limits: Http2Limits;
  readonly minWriteBytes: number;
  nowMs: number;

  readonly #handler: ConnectionHandler;
  readonly #streams: StreamRegistry;
  readonly #abuse: AbuseLimits;
  readonly sender: Sender;
  readonly #receiver: Receiver;
  readonly #settings: SettingsSync;
  readonly #lifecycle: Lifecycle;
  readonly #concurrency: StreamConcurrency;
  readonly #buffered: BufferedBytes;
  /** Whether one of the calls of the driver is going on, after which it polls anyway. */
  #isInCall = false;
  readonly #turn = new Turn();

  constructor(options: ConnectionOptions) {
    const { role, handler, nowMs } = options;
    this.role = role;
    this.limits = resolveLimits(options.limits);
    // Clients have no rate: a handler on the server may take what it is sent as slowly as it likes.
    this.minWriteBytes = minBytesOf(role === "server" ? this.limits.minResponseRate : 0, this.writeTimeoutMs);
    this.nowMs = nowMs;
    this.#handler = handler;
    this.#buffered = new BufferedBytes(options.budget?.open(this));
    this.#streams = new StreamRegistry(role);
    this.#abuse = new AbuseLimits(this.limits);
    this.sender = new Sender(this, this.#abuse);
    this.#receiver = new Receiver(role, this, this.limits, this.#abuse, this.#streams, this.sender, this.#turn);
    this.#settings = new SettingsSync(role, this.limits, this.sender, this.#receiver, this.#streams);
    const stalls = new StallWatch(this, role, this.limits, this.sender, this.#receiver, this.#streams);
    this.#lifecycle = new Lifecycle(this, options, this.limits, this.sender, this.#streams, stalls);
    this.#concurrency = new StreamConcurrency(role, this.#lifecycle, this.#settings, this.#streams);
    if (role === "client") {
      this.sender.control.writePreface();
    }
    this.#settings.announce(nowMs);
  }

  get isClosed(): boolean {
    return this.#lifecycle.isClosed;
  }

  get isDraining(): boolean {
    return this.#lifecycle.isDraining;
  }

  /** Not while the peer makes us answer and does not read the answers. */
  get wantsInput(): boolean {
    return !this.isClosed && !this.#abuse.isReadingPaused &&
      this.sender.outputLength <= this.limits.maxConnectionSendQueue;
  }

  get hasOutput(): boolean {
    return this.sender.hasOutput;
  }

  get isTurnOver(): boolean {
    return this.#turn.isOver;
  }

  get writeTimeoutMs(): number {
    return this.limits.stalledStreamTimeoutMs;
  }

  get account(): ByteAccount | undefined {
    return this.#buffered.account;
  }

  get streamCount(): number {
    return this.#streams.size;
  }

  get bufferedLength(): number {
    return this.sender.bufferedLength + this.#receiver.reader.bufferedSize;
  }

  get lastStreamId(): number {
    return this.#lifecycle.lastStreamId;
  }

  get canOpenStream(): boolean {
    return this.#concurrency.canOpen;
  }

  // What the driver says.

  handleInput(chunk: Uint8Array, nowMs: number, start = 0): number {
    this.nowMs = nowMs;
    const { reader } = this.#receiver;
    this.#turn.enter();
    this.#isInCall = true;
    try {
      return reader.push(chunk, start);
    } finally {
      this.#turn.spend(Work.INPUT);
      this.#isInCall = false;
      this.#lifecycle.received(nowMs, reader);
      if (this.#buffered.hasUnread || reader.isWaiting) {
        this.#buffered.countUnread(reader.bufferedSize);
      }
    }
  }

  handleTimeout(nowMs: number): void {
    this.nowMs = nowMs;
    this.#isInCall = true;
    try {
      this.#lifecycle.doDue(nowMs);
    } finally {
      this.#isInCall = false;
    }
  }

  handleEof(): void {
    if (this.isClosed) {
      return;
    }
    const isClean = this.#streams.size === 0 && !this.#receiver.reader.isMidFrame;
    this.#end(
      isClean ? undefined : new Http2ConnectionError(ErrorCode.NO_ERROR, "The peer closed the connection", "peer"),
    );
  }

  handleClosed(): void {
    this.sender.dropOutput();
  }

  pollTimeout(): number | undefined {
    return this.#lifecycle.pollTimeout();
  }

  pollOutput(): Uint8Array | undefined {
    return this.sender.poll();
  }

  releaseOutput(output: Uint8Array): void {
    this.#abuse.releaseControlFrames();
    this.sender.release(output);
  }

  // What the owner of the connection says.

  openStream(fields: readonly HeaderField[], handler: StreamHandler, endStream = false): Http2Stream {
    if (this.role === "server") {
      throw new TypeError("Cannot open a stream: servers do not push");
    }
    if (!this.#concurrency.canOpen) {
      throw new RangeError(`Cannot open a stream: ${this.#concurrency.problem}`);
    }
    const stream = this.#createStream(this.#streams.takeLocalId());
    stream.handler = handler;
    stream.isHead = fields.some(({ name, value }) => name === ":method" && value === "HEAD");
    // After this nothing throws. A stream that was never sent does no harm: a higher one closes it (RFC 9113 §5.1.1).
    this.sender.sendHeaders(stream, fields, endStream);
    this.#addStream(stream);
    this.#abuse.openStream();
    this.#concurrency.look();
    this.signalOutput();
    return stream;
  }

  shutdown(): void {
    this.#lifecycle.shutdown();
    this.signalOutput();
  }

  close(code: number = ErrorCode.NO_ERROR, message = "The connection was closed"): void {
    if (!this.isClosed) {
      this.sender.control.discardOpen(); // Of a handler that threw before it committed what it had reserved.
      this.#lifecycle.sendGoaway(code, message);
      this.signalOutput();
      this.#end(new Http2ConnectionError(code, message, "local"));
    }
  }

  // What the owners of streams say, and what their sender does with it.

  resetStream(stream: Http2Stream, code: number): void {
    this.#reset(stream, code);
    this.signalOutput();
  }

  releaseData(stream: Http2Stream, length: number): void {
    stream.held -= length;
    // Of a stream that gets nothing more only the connection's window matters.
    const increment = stream.isRemotelyClosed ? 0 : stream.receiveWindow.release(length);
    if (increment > 0) {
      this.sender.control.writeWindowUpdate(stream.id, increment);
      this.signalOutput();
    }
    this.releaseConnectionData(length);
  }

  spendWork(work: number): void {
    this.#turn.spend(work);
  }

  schedule<T>(bytes: number, work: () => T, isFurther: boolean): T | Promise<T> {
    return this.#handler.schedule === undefined ? work() : this.#handler.schedule(bytes, work, isFurther);
  }

  keepBytes(stream: Http2Stream, bytes: number): void {
    if (bytes > stream.kept) {
      this.#turn.spendKept(bytes - stream.kept);
    }
    this.#buffered.keep(stream, bytes);
  }

  // What the budget says.

  refuseLargest(error: RefusalError): void {
    const stream = this.#buffered.largestStream(this.#streams, this.sender);
    if (stream === undefined) {
      this.#handler.onRefused?.(error);
    } else {
      this.#refuse(stream, error);
    }
  }

  /** What comes of a refusal: an answer, if nothing of one waits, or RST_STREAM. */
  #refuse(stream: Http2Stream, error: RefusalError): void {
    const { handler, bufferedBytes } = stream;
    if (stream.queue === undefined && handler.onRefused !== undefined) {
      handler.onRefused(stream, error);
      if (stream.isClosed || (error.reason === "minBodyRate" ? stream.ended : stream.bufferedBytes < bufferedBytes)) {
        return;
      }
    }
    const code = error.reason === "minBodyRate" ? ErrorCode.CANCEL : ErrorCode.ENHANCE_YOUR_CALM;
    this.#reset(stream, code, new Http2StreamError(stream.id, code, error.message, "local", { cause: error }));
    this.signalOutput();
  }

  // What the receiver says.

  receiveRequest(streamId: number, head: RequestHead, endStream: boolean, blockLength: number): void {
    const stream = this.#acceptStream(streamId, endStream);
    this.#buffered.keepFields(stream, blockLength);
    if (stream.isClosed) {
      return; // It was refused with that.
    }
    stream.expectedLength = head.contentLength ?? -1;
    stream.isHead = head.method === "HEAD";
    this.#turn.spend(Work.REQUEST);
    this.#handler.onRequest?.(stream, head, endStream);
  }

  refuseLargeRequest(streamId: number, endStream: boolean): void {
    if (!this.#abuse.spendStreamError(this.nowMs)) {
      return this.fail(ErrorCode.ENHANCE_YOUR_CALM, "Too many refused requests");
    }
    this.#turn.spend(Work.RESET);
    this.sender.sendHeaders(this.#acceptStream(streamId, endStream), TOO_LARGE_RESPONSE, true);
  }

  receiveSettings(buffer: Uint8Array, start: number, end: number): void {
    const isFirst = this.#lifecycle.receivedSettings();
    const fault = this.#settings.receive(buffer, start, end);
    if (fault !== undefined) {
      return this.fail(fault.code, fault.message);
    }
    if (!this.#spendControlFrame()) {
      return;
    }
    this.sender.control.writeSettingsAck();
    if (isFirst) {
      this.#handler.onReady?.();
    }
    this.#offerCapacity();
  }

  receiveSettingsAck(): void {
    // One too many is harmless, and says that the peer counts wrong.
    if (!this.#settings.receiveAck()) {
      return this.fail(ErrorCode.PROTOCOL_ERROR, "SETTINGS with ACK that acknowledges nothing");
    }
    this.#lifecycle.receivedSettingsAck();
  }

  receivePing(buffer: Uint8Array, start: number): void {
    if (this.#spendControlFrame()) {
      this.sender.control.writePing(true, buffer, start);
    }
  }

  receivePingAck(buffer: Uint8Array, start: number): void {
    this.#lifecycle.receivedPingAck(buffer[start]!);
  }

  receiveGoaway(lastStreamId: number, code: number): void {
    this.#lifecycle.receivedGoaway();
    const message = `Not processed, the peer goes away (${errorName(code)})`;
    // A server has no local streams: it would visit all of the peer's for each GOAWAY.
    for (const stream of this.#streams.localCount > 0 ? this.#streams.values() : []) {
      // What one handler hears may have made it end other streams.
      if (this.#streams.isLocal(stream.id) && stream.id > lastStreamId && !stream.isClosed) {
        stream.state = StreamState.CLOSED;
        const error = new Http2StreamError(stream.id, ErrorCode.REFUSED_STREAM, message, "peer", {
          isUnprocessed: true,
        });
        this.#removeStream(stream, error);
      }
    }
    if (this.isClosed) {
      return;
    }
    this.#handler.onGoaway?.(lastStreamId, code);
    if (this.role === "client") {
      this.#lifecycle.stopServing();
    }
  }

  releaseConnectionData(length: number): void {
    const increment = this.#receiver.window.release(length);
    if (increment > 0 && !this.isClosed) {
      this.sender.control.writeWindowUpdate(0, increment);
      this.signalOutput();
    }
  }

  streamEnded(stream: Http2Stream): void {
    if (stream.isClosed) {
      this.#removeStream(stream);
    }
  }

  streamReset(stream: Http2Stream, code: number): void {
    const isUnprocessed = code === ErrorCode.REFUSED_STREAM;
    this.#removeStream(stream, new Http2StreamError(stream.id, code, "Reset by the peer", "peer", { isUnprocessed }));
  }

  /** The one place where a peer's fault on a stream becomes RST_STREAM. */
  failStream(streamId: number, code: ErrorCode, message: string): void {
    if (!this.#abuse.spendStreamError(this.nowMs)) {
      return this.fail(ErrorCode.ENHANCE_YOUR_CALM, "Too many stream errors");
    }
    this.#turn.spend(Work.RESET);
    if (!this.#spendControlFrame()) {
      return;
    }
    const stream = this.#streams.get(streamId);
    if (stream === undefined) {
      this.sender.control.writeResetStream(streamId, code);
      this.#streams.rememberReset(streamId, "local");
      return;
    }
    this.#reset(stream, code, new Http2StreamError(streamId, code, message, "local"));
  }

  /** The one place where a peer's fault on the connection becomes GOAWAY. */
  fail(code: ErrorCode, message: string): void {
    if (!this.isClosed) {
      this.#lifecycle.sendGoaway(code, message);
      this.#end(new Http2ConnectionError(code, message, "local"));
    }
  }

  // Life.

  failStalledStream(stream: Http2Stream): void {
    const message = `The peer took too little within ${this.limits.stalledStreamTimeoutMs} ms`;
    this.#reset(stream, ErrorCode.CANCEL, new Http2StreamError(stream.id, ErrorCode.CANCEL, message, "local"));
  }

  failSlowRequest(stream: Http2Stream): void {
    this.#refuse(stream, RefusalError.ofRate(this.limits.minBodyRate));
  }

  endDone(): void {
    this.#end(undefined);
  }

  #end(error: Http2ConnectionError | undefined): void {
    this.#lifecycle.close();
    this.#receiver.reader.stop();
    this.#buffered.countUnread(0);
    const streams = this.#streams.values();
    for (const stream of streams) {
      stream.state = StreamState.CLOSED;
      this.#removeStream(stream);
    }
    const { code, origin } = error ?? { code: ErrorCode.CANCEL, origin: "local" as const };
    const thrown: unknown[] = [];
    for (const stream of streams) {
      const message = `The connection ended: ${error?.reason ?? "no error"}`;
      try {
        const reason = new Http2StreamError(stream.id, code, message, origin, { isConnectionLost: true });
        stream.handler.onReset(stream, reason);
      } catch (mistake) {
        thrown.push(mistake); // The others have to be told all the same.
      }
    }
    this.#handler.onClose(error);
    if (thrown.length > 0) {
      throw thrown[0];
    }
  }

  // Streams.

  #createStream(streamId: number): Http2Stream {
    return new Http2Stream(
      this,
      streamId,
      new SendWindow(this.#settings.remote.initialWindowSize),
      new ReceiveWindow(this.limits.streamWindowSize),
    );
  }

  #acceptStream(streamId: number, endStream: boolean): Http2Stream {
    const stream = this.#createStream(streamId);
    const input = endStream ? StreamInput.RECEIVE_HEADERS_END_STREAM : StreamInput.RECEIVE_HEADERS;
    stream.state = nextState(StreamState.IDLE, input) as StreamState;
    stream.headReceived = true;
    this.#addStream(stream);
    return stream;
  }

  #addStream(stream: Http2Stream): void {
    this.#streams.add(stream);
    this.#lifecycle.streamOpened();
  }

  /** @param error What its handler is told, before the connection may end with its last stream. */
  #removeStream(stream: Http2Stream, error?: Http2StreamError): void {
    if (!this.#streams.remove(stream)) {
      return;
    }
    this.sender.drop(stream);
    this.#buffered.streamClosed(stream);
    if (stream.held > 0) {
      const held = stream.held;
      stream.held = 0;
      this.releaseConnectionData(held);
    }
    if (error !== undefined) {
      stream.handler.onReset(stream, error);
    }
    this.#lifecycle.streamClosed();
    this.#offerCapacity();
  }

  #reset(stream: Http2Stream, code: number, error?: Http2StreamError): void {
    this.sender.control.writeResetStream(stream.id, code);
    stream.state = nextState(stream.state, StreamInput.SEND_RESET) as StreamState;
    this.#streams.rememberReset(stream.id, "local"); // Also when the peer had ended it: the rest of its last frame may be still to come.
    this.#removeStream(stream, error);
  }

  /** Our half of a stream has been written to its end. */
  localEnded(stream: Http2Stream): void {
    if (stream.isClosed) {
      this.#removeStream(stream);
    } else if (this.role === "server") {
      // "A server MAY request that the client abort transmission of a request without error by sending a RST_STREAM with an error code
      // of NO_ERROR after sending a complete response" (RFC 9113 §8.1): nobody reads what is still to come.
      this.#reset(stream, ErrorCode.NO_ERROR);
    }
  }

  #offerCapacity(): void {
    if (this.#concurrency.look()) {
      this.#handler.onCapacity?.();
    }
  }

  #spendControlFrame(): boolean {
    if (this.#abuse.spendControlFrame()) {
      return true;
    }
    this.fail(ErrorCode.ENHANCE_YOUR_CALM, "Too many frames that ask for answers");
    return false;
  }

  signalOutput(): void {
    if (!this.#isInCall) {
      this.#handler.onOutput();
    }
  }
}
