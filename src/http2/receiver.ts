/**
 * Everything a connection receives: each frame against the state of its stream, its windows and the budgets for abuse, and then on to
 * the stream's handler. What becomes of a stream or a connection after a fault of the peer is for {@linkcode ReceiverHost} alone.
 *
 * This module performs no I/O.
 */
import { type HeaderField, type RequestHead, type ResponseHead, type Turn, Work } from "../http/mod.ts";
import type { AbuseLimits } from "./abuse_limits.ts";
import { DEFAULT_HEADER_TABLE_SIZE, DEFAULT_INITIAL_WINDOW_SIZE, ErrorCode } from "./constants.ts";
import { ReceiveWindow } from "./flow_window.ts";
import { FrameReader } from "./frame_reader.ts";
import type { FrameSink } from "./frame_sink.ts";
import { HeaderListTooLargeError, HpackDecoder, HpackError } from "./hpack/mod.ts";
import type { Http2Limits } from "./limits.ts";
import { checkRequestHead, checkResponseHead, checkTrailers } from "./message_rules.ts";
import { RecentLists } from "./recent_lists.ts";
import type { Sender } from "./sender.ts";
import type { Http2Stream } from "./stream.ts";
import type { StreamRegistry } from "./stream_registry.ts";
import { faultCode, faultScope, IGNORED, isFault, nextState, StreamInput, type StreamState } from "./stream_state.ts";

/** What a receiver reports, beside what it tells the handlers of streams. */
export interface ReceiverHost {
  /** The clock of the call that is going on, in milliseconds. */
  readonly nowMs: number;
  /** Streams above this one are not served any more (RFC 9113 §6.8). */
  readonly lastStreamId: number;
  /** A request has begun on a new stream, with a field block of so many bytes. */
  receiveRequest(streamId: number, head: RequestHead, endStream: boolean, blockLength: number): void;
  /** A request whose field section is above a limit; there is no stream yet. */
  refuseLargeRequest(streamId: number, endStream: boolean): void;
  receiveSettings(buffer: Uint8Array, start: number, end: number): void;
  receiveSettingsAck(): void;
  receivePing(buffer: Uint8Array, start: number): void;
  receivePingAck(buffer: Uint8Array, start: number): void;
  receiveGoaway(lastStreamId: number, code: number): void;
  /** The peer did wrong on a stream, which is there or not any more. */
  failStream(streamId: number, code: ErrorCode, message: string): void;
  /** The peer did wrong on the connection. */
  fail(code: ErrorCode, message: string): void;
  /** The peer ended its half of a stream, or reset it (`error`). */
  streamEnded(stream: Http2Stream): void;
  streamReset(stream: Http2Stream, code: number): void;
  /** The connection's window is to be told that octets were dealt with. */
  releaseConnectionData(length: number): void;
}

/** RFC 9113 does not use priorities. RFC 7540 §5.3.1 made this an error of the stream, and to h2spec it is one. */
const SELF_DEPENDENT = "Priority depends on the stream itself";

/** Receives for one connection. Its methods `on...` are the reader's to call. */
export class Receiver implements FrameSink {
  readonly #role: "client" | "server";
  readonly #host: ReceiverHost;
  readonly #limits: Http2Limits;
  readonly #abuse: AbuseLimits;
  readonly #streams: StreamRegistry;
  /** Told of windows that the peer makes larger. */
  readonly #sender: Sender;
  readonly #turn: Turn;
  readonly #reader: FrameReader;
  /** As what follows, made with the first fields: 0.4 KiB that a connection without calls does not have. */
  #decoder: HpackDecoder | undefined = undefined;
  #requestHeads: RecentLists<RequestHead> | undefined = undefined;
  #responseHeads: RecentLists<ResponseHead> | undefined = undefined;
  /** The connection's window. */
  readonly window = new ReceiveWindow(DEFAULT_INITIAL_WINDOW_SIZE);

  constructor(
    role: "client" | "server",
    host: ReceiverHost,
    limits: Http2Limits,
    abuse: AbuseLimits,
    streams: StreamRegistry,
    sender: Sender,
    turn: Turn,
  ) {
    this.#role = role;
    this.#host = host;
    this.#limits = limits;
    this.#abuse = abuse;
    this.#streams = streams;
    this.#sender = sender;
    this.#turn = turn;
    this.#reader = new FrameReader(this, role, limits, turn);
  }

  #madeDecoder(): HpackDecoder {
    return this.#decoder ??= new HpackDecoder({
      maxHeaderListSize: this.#limits.maxHeaderListSize,
      maxFields: this.#limits.maxHeaderFields,
    });
  }

  /** Where the frames are read. */
  get reader(): FrameReader {
    return this.#reader;
  }

  /** Says that the peer knows the size of its HPACK table now. */
  setHeaderTableSize(size: number): void {
    if (this.#decoder !== undefined || size !== DEFAULT_HEADER_TABLE_SIZE) {
      this.#madeDecoder().setMaxTableSize(size);
    }
  }

  onHeaders(
    streamId: number,
    buffer: Uint8Array,
    start: number,
    end: number,
    endStream: boolean,
    selfDependent: boolean,
  ): void {
    // Whatever becomes of the stream: the table is everybody's (RFC 9113 §4.3).
    let fields: readonly HeaderField[] | undefined;
    const decoder = this.#madeDecoder();
    try {
      fields = decoder.decode(buffer, start, end);
    } catch (error) {
      if (error instanceof HpackError) {
        return this.#host.fail(ErrorCode.COMPRESSION_ERROR, error.message);
      }
      if (!(error instanceof HeaderListTooLargeError)) {
        throw error;
      }
    }
    if (decoder.isNew) {
      this.#turn.spend((end - start) * Work.HEAD_BYTE);
    }
    if (start === end && !endStream && !this.#abuse.spendEmptyFrame()) {
      return this.#host.fail(ErrorCode.ENHANCE_YOUR_CALM, "Too many empty frames");
    }
    const stream = this.#streams.get(streamId);
    if (stream === undefined) {
      return this.#open(streamId, fields, endStream, selfDependent, end - start);
    }
    if (selfDependent) {
      return this.onStreamError(streamId, ErrorCode.PROTOCOL_ERROR, SELF_DEPENDENT);
    }
    if (!this.#advance(stream, endStream ? StreamInput.RECEIVE_HEADERS_END_STREAM : StreamInput.RECEIVE_HEADERS)) {
      return;
    }
    if (fields === undefined) {
      const message = `Field section is above ${this.#limits.maxHeaderListSize} octets`;
      return this.#host.failStream(streamId, ErrorCode.ENHANCE_YOUR_CALM, message);
    }
    if (stream.headReceived) {
      this.#receiveTrailers(stream, fields, endStream);
    } else {
      this.#receiveResponse(stream, fields, endStream);
    }
  }

  onData(
    streamId: number,
    buffer: Uint8Array,
    start: number,
    end: number,
    frameLength: number,
    padding: number,
    endStream: boolean,
  ): void {
    const host = this.#host;
    if (!this.window.receive(frameLength)) {
      return host.fail(ErrorCode.FLOW_CONTROL_ERROR, "DATA is above the connection's window");
    }
    if (start < end) {
      this.#abuse.receiveContent();
    } else if (!endStream && !this.#abuse.spendEmptyFrame()) {
      return host.fail(ErrorCode.ENHANCE_YOUR_CALM, "Too many empty frames");
    }
    const stream = this.#streams.get(streamId);
    if (stream === undefined) {
      if (this.#toGoneStream(streamId, "DATA")) {
        host.releaseConnectionData(frameLength);
      }
      return;
    }
    // What the stream does not take goes back to the connection's window when the stream is closed.
    stream.held += frameLength;
    if (!this.#advance(stream, endStream ? StreamInput.RECEIVE_DATA_END_STREAM : StreamInput.RECEIVE_DATA)) {
      return;
    }
    if (!stream.receiveWindow.receive(frameLength)) {
      return host.failStream(streamId, ErrorCode.FLOW_CONTROL_ERROR, "DATA is above the stream's window");
    }
    if (!stream.headReceived) {
      return host.failStream(streamId, ErrorCode.PROTOCOL_ERROR, "DATA before the response");
    }
    stream.receivedLength += end - start;
    if (!this.#checkLength(stream, endStream)) {
      return;
    }
    if (padding > 0) {
      stream.release(padding);
    }
    stream.handler.onData(stream, buffer, start, end, endStream);
    if (endStream) {
      host.streamEnded(stream);
    }
  }

  onResetStream(streamId: number, code: number): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined && this.#streams.isIdle(streamId)) {
      return this.#host.fail(ErrorCode.PROTOCOL_ERROR, `RST_STREAM on the idle stream ${streamId}`);
    }
    if (!this.#abuse.spendReset(this.#host.nowMs)) {
      return this.#host.fail(ErrorCode.ENHANCE_YOUR_CALM, "Too many resets");
    }
    if (stream === undefined) {
      if (this.#role === "client" && !this.#streams.wasReset(streamId)) {
        this.#streams.rememberReset(streamId, "peer");
      }
      return;
    }
    this.#turn.spend(Work.RESET);
    if (this.#advance(stream, StreamInput.RECEIVE_RESET)) {
      if (this.#role === "client") {
        this.#streams.rememberReset(streamId, "peer");
      }
      this.#host.streamReset(stream, code);
    }
  }

  onWindowUpdate(streamId: number, increment: number): void {
    if (!this.#abuse.spendWindowUpdate()) {
      return this.#host.fail(ErrorCode.ENHANCE_YOUR_CALM, "Too many WINDOW_UPDATE frames");
    }
    if (streamId === 0) {
      if (!this.#sender.window.add(increment)) {
        const message = "WINDOW_UPDATE makes the connection's window too large";
        return this.#host.fail(ErrorCode.FLOW_CONTROL_ERROR, message);
      }
      return this.#sender.windowOpened();
    }
    const stream = this.#streams.get(streamId);
    if (stream === undefined) {
      if (this.#streams.isIdle(streamId)) {
        this.#host.fail(ErrorCode.PROTOCOL_ERROR, `WINDOW_UPDATE on the idle stream ${streamId}`);
      }
      return;
    }
    if (!this.#advance(stream, StreamInput.RECEIVE_WINDOW_UPDATE)) {
      return;
    }
    if (!stream.sendWindow.add(increment)) {
      return this.#host.failStream(streamId, ErrorCode.FLOW_CONTROL_ERROR, "WINDOW_UPDATE makes the window too large");
    }
    this.#sender.windowOpened();
  }

  onPriority(streamId: number, selfDependent: boolean): void {
    if (!this.#abuse.spendPriority()) {
      return this.#host.fail(ErrorCode.ENHANCE_YOUR_CALM, "Too many PRIORITY frames");
    }
    if (selfDependent) {
      this.onStreamError(streamId, ErrorCode.PROTOCOL_ERROR, SELF_DEPENDENT);
    }
  }

  onPushPromise(streamId: number): void {
    // We announced ENABLE_PUSH 0 before the peer could see a request (RFC 9113 §6.6).
    this.#host.fail(ErrorCode.PROTOCOL_ERROR, `PUSH_PROMISE on stream ${streamId}, which is not enabled`);
  }

  onSettings(buffer: Uint8Array, start: number, end: number): void {
    this.#turn.spend(Work.RESET); // They may change the windows of all streams.
    if (this.#spendOverhead("SETTINGS")) {
      this.#host.receiveSettings(buffer, start, end);
    }
  }

  onSettingsAck(): void {
    this.#host.receiveSettingsAck();
  }

  onPing(buffer: Uint8Array, start: number): void {
    if (this.#spendOverhead("PING")) {
      this.#host.receivePing(buffer, start);
    }
  }

  onPingAck(buffer: Uint8Array, start: number): void {
    if (this.#spendOverhead("PING with ACK")) {
      this.#host.receivePingAck(buffer, start);
    }
  }

  onGoaway(lastStreamId: number, code: number): void {
    if (this.#spendOverhead("GOAWAY")) {
      this.#host.receiveGoaway(lastStreamId, code);
    }
  }

  onUnknown(type: number): void {
    this.#spendOverhead(`a frame of type ${type}`);
  }

  onStreamError(streamId: number, code: ErrorCode, message: string): void {
    if (this.#streams.isIdle(streamId)) {
      return this.#host.fail(code, `${message} on the idle stream ${streamId}`); // There is nothing to reset.
    }
    if (this.#streams.get(streamId) !== undefined || !this.#streams.wasReset(streamId)) {
      this.#host.failStream(streamId, code, message);
    } else if (!this.#abuse.spendStreamError(this.#host.nowMs)) { // It was told once.
      this.#host.fail(ErrorCode.ENHANCE_YOUR_CALM, "Too many stream errors");
    }
  }

  onConnectionError(code: ErrorCode, message: string): void {
    this.#host.fail(code, message);
  }

  /** HEADERS for a stream that is not there. */
  #open(
    streamId: number,
    fields: readonly HeaderField[] | undefined,
    endStream: boolean,
    selfDependent: boolean,
    blockLength: number,
  ): void {
    const streams = this.#streams;
    const host = this.#host;
    if (this.#role === "client" || !streams.isIdle(streamId)) {
      if (this.#toGoneStream(streamId, "HEADERS")) {
        this.#spendOverhead("HEADERS on a stream that is gone");
      }
      return;
    }
    // "An endpoint that receives an unexpected stream identifier MUST respond with a connection error of type PROTOCOL_ERROR" (RFC 9113 §5.1.1)
    if (streams.isLocal(streamId)) {
      return host.fail(ErrorCode.PROTOCOL_ERROR, `HEADERS on stream ${streamId}, which a client may not open`);
    }
    streams.openedByPeer(streamId);
    if (streamId > this.#host.lastStreamId) {
      // The peer was told that it is not served, and may try it elsewhere (RFC 9113 §6.8).
      this.#spendOverhead("HEADERS after GOAWAY");
      return;
    }
    this.#abuse.openStream();
    if (streams.peerCount >= this.#limits.maxConcurrentStreams) {
      return host.failStream(streamId, ErrorCode.REFUSED_STREAM, "Too many concurrent streams");
    }
    if (selfDependent) {
      return host.failStream(streamId, ErrorCode.PROTOCOL_ERROR, SELF_DEPENDENT);
    }
    if (fields === undefined) {
      return host.refuseLargeRequest(streamId, endStream);
    }
    const known = this.#requestHeads ??= new RecentLists();
    const head = known.get(fields) ?? remember(known, fields, checkRequestHead(fields));
    if (typeof head === "string") {
      return host.failStream(streamId, ErrorCode.PROTOCOL_ERROR, head);
    }
    // "A request or response is also malformed if the value of a content-length header field does not equal the sum of the DATA
    // frame payload lengths that form the content" (RFC 9113 §8.1.1)
    if (endStream && (head.contentLength ?? 0) > 0) {
      return host.failStream(streamId, ErrorCode.PROTOCOL_ERROR, "Content-length without content");
    }
    host.receiveRequest(streamId, head, endStream, blockLength);
  }

  #receiveResponse(stream: Http2Stream, fields: readonly HeaderField[], endStream: boolean): void {
    const known = this.#responseHeads ??= new RecentLists(); // To check them each time would be 9 % of a client's call.
    const head = known.get(fields) ?? remember(known, fields, checkResponseHead(fields));
    if (typeof head === "string") {
      return this.#host.failStream(stream.id, ErrorCode.PROTOCOL_ERROR, head);
    }
    if (head.status < 200) {
      if (endStream) {
        return this.#host.failStream(stream.id, ErrorCode.PROTOCOL_ERROR, "Interim response ends the stream");
      }
      if (this.#spendOverhead("an interim response")) {
        stream.handler.onInformation?.(stream, head);
      }
      return;
    }
    stream.headReceived = true;
    stream.expectedLength = hasNoContent(stream, head) ? 0 : head.contentLength ?? -1;
    if (this.#checkLength(stream, endStream)) {
      stream.handler.onResponse?.(stream, head, endStream);
      if (endStream) {
        this.#host.streamEnded(stream);
      }
    }
  }

  #receiveTrailers(stream: Http2Stream, fields: readonly HeaderField[], endStream: boolean): void {
    const problem = endStream ? checkTrailers(fields) : "Second head of a message, or trailers that do not end it";
    if (problem !== undefined) {
      return this.#host.failStream(stream.id, ErrorCode.PROTOCOL_ERROR, problem);
    }
    if (this.#checkLength(stream, true)) {
      stream.handler.onTrailers(stream, fields);
      this.#host.streamEnded(stream);
    }
  }

  /** Counts a frame that carries no message. Returns false when it was one too many, and the connection is over. */
  #spendOverhead(frame: string): boolean {
    const isAllowed = this.#abuse.spendOverhead(this.#host.nowMs);
    if (!isAllowed) {
      this.#host.fail(ErrorCode.ENHANCE_YOUR_CALM, `Too many frames that carry no message, the last one ${frame}`);
    }
    return isAllowed;
  }

  /** RFC 9113 §8.1.1, and no more than announced is handed on. */
  #checkLength(stream: Http2Stream, isEnd: boolean): boolean {
    const { expectedLength, receivedLength } = stream;
    if (expectedLength < 0 || (isEnd ? receivedLength === expectedLength : receivedLength <= expectedLength)) {
      return true;
    }
    const message = `Content of ${receivedLength} octets, content-length is ${expectedLength}`;
    this.#host.failStream(stream.id, ErrorCode.PROTOCOL_ERROR, message);
    return false;
  }

  /** Takes a stream to its next state. False when the frame goes no further. */
  #advance(stream: Http2Stream, input: StreamInput): boolean {
    const next = nextState(stream.state, input);
    if (next < IGNORED) {
      stream.state = next as StreamState;
      return true;
    }
    if (isFault(next)) {
      const message = "Frame on a stream that the peer has ended";
      if (faultScope(next) === "stream") {
        this.#host.failStream(stream.id, faultCode(next), message);
      } else {
        this.#host.fail(faultCode(next), message);
      }
    }
    return false;
  }

  /** HEADERS or DATA for a stream that is not there. Whether the connection goes on, and the frame is to be dropped. */
  #toGoneStream(streamId: number, frame: "HEADERS" | "DATA"): boolean {
    if (this.#streams.isIdle(streamId)) {
      this.#host.fail(ErrorCode.PROTOCOL_ERROR, `${frame} on the idle stream ${streamId}`);
      return false;
    }
    if (this.#streams.wasReset(streamId) || streamId > this.#host.lastStreamId) {
      return true;
    }
    const message = `${frame} on the closed stream ${streamId}`;
    // After RST_STREAM it is an error of the stream (RFC 7540 §5.1): Debian's C++ gRPC answers calls twice whose deadline it saw pass. A client that
    // sends after it misuses the server on purpose.
    if (this.#streams.wasResetByPeer(streamId)) {
      this.#host.failStream(streamId, ErrorCode.STREAM_CLOSED, message);
      return true;
    }
    this.#host.fail(ErrorCode.STREAM_CLOSED, message);
    return false;
  }
}

function remember<T>(known: RecentLists<T>, fields: readonly HeaderField[], head: T | string): T | string {
  if (typeof head !== "string") {
    known.set(fields, head);
  }
  return head;
}

/** RFC 9110 §6.4.1: content-length says then what there would have been. */
function hasNoContent(stream: Http2Stream, head: ResponseHead): boolean {
  return stream.isHead || head.status === 204 || head.status === 304;
}
