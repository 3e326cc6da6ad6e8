/**
 * Everything a connection receives: each frame against the state of its stream, its windows and the budgets for abuse, and then on to
 * the stream's handler. Faults of the peer go to {@linkcode ReceiverHost}, which alone decides what becomes of stream or connection.
 *
 * This module performs no I/O.
 */
import type { HeaderField } from "../http/mod.ts";
import { type AbuseBudgets } from "./abuse_limits.ts";
import { DEFAULT_INITIAL_WINDOW_SIZE, ErrorCode } from "./constants.ts";
import { ReceiveWindow } from "./flow_window.ts";
import { FrameReader } from "./frame_reader.ts";
import type { FrameSink } from "./frame_sink.ts";
import { HeaderListTooLargeError, HpackDecoder, HpackError } from "./hpack/mod.ts";
import type { Http2Limits } from "./limits.ts";
import { checkRequestHead, checkResponseHead, checkTrailers, type RequestHead, type ResponseHead } from "./message_rules.ts";
import { RecentLists } from "./recent_lists.ts";
import type { Http2Stream } from "./stream.ts";
import type { StreamRegistry } from "./stream_registry.ts";
import { faultCode, faultScope, IGNORED, isFault, nextState, StreamInput, type StreamState } from "./stream_state.ts";
