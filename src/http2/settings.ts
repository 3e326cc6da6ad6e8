/**
 * The settings of both sides (RFC 9113 §6.5): what ours allow the peer, and what the peer's allow us. This module performs no I/O.
 */
import {
  DEFAULT_ENABLE_PUSH,
  DEFAULT_HEADER_TABLE_SIZE,
  DEFAULT_INITIAL_WINDOW_SIZE,
  DEFAULT_MAX_FRAME_SIZE,
  ErrorCode,
  MAX_MAX_FRAME_SIZE,
  MAX_WINDOW_SIZE,
  MIN_MAX_FRAME_SIZE,
  SettingId,
} from "./constants.ts";
import { readUint32 } from "./frame_layout.ts";

/** One side's settings, by the names of RFC 9113 §6.5.2 and RFC 8441 §3. Flags are 0 or 1. */
export interface Settings {
  /** Octets of the HPACK table that its owner decodes with. */
  readonly headerTableSize: number;
  readonly enablePush: number;
  /** Streams the other side may have open; Infinity as long as nothing is said. */
  readonly maxConcurrentStreams: number;
  /** Octets of a new stream's window. */
  readonly initialWindowSize: number;
  /** Octets of a frame's payload. */
  readonly maxFrameSize: number;
  /** Octets of a field section as RFC 9113 §10.5.1 counts them: advice only. Infinity as long as nothing is said. */
  readonly maxHeaderListSize: number;
  readonly enableConnectProtocol: number;
}

/** What holds before the first SETTINGS frame. */
export const DEFAULT_SETTINGS: Settings = {
  headerTableSize: DEFAULT_HEADER_TABLE_SIZE,
  enablePush: DEFAULT_ENABLE_PUSH,
  maxConcurrentStreams: Infinity,
  initialWindowSize: DEFAULT_INITIAL_WINDOW_SIZE,
  maxFrameSize: DEFAULT_MAX_FRAME_SIZE,
  maxHeaderListSize: Infinity,
  enableConnectProtocol: 0,
};

/** A setting of which the value is not allowed: an error of the connection. */
export interface SettingsFault {
  readonly code: ErrorCode;
  readonly message: string;
}

const NAMES: readonly (readonly [keyof Settings, number])[] = [
  ["headerTableSize", SettingId.HEADER_TABLE_SIZE],
  ["enablePush", SettingId.ENABLE_PUSH],
  ["maxConcurrentStreams", SettingId.MAX_CONCURRENT_STREAMS],
  ["initialWindowSize", SettingId.INITIAL_WINDOW_SIZE],
  ["maxFrameSize", SettingId.MAX_FRAME_SIZE],
  ["maxHeaderListSize", SettingId.MAX_HEADER_LIST_SIZE],
  ["enableConnectProtocol", SettingId.ENABLE_CONNECT_PROTOCOL],
];

/** The error code for a value that is not allowed (RFC 9113 §6.5.2); NO_ERROR for all others and for settings nobody knows. */
function valueFault(id: number, value: number): ErrorCode {
  switch (id) {
    case SettingId.ENABLE_PUSH:
    case SettingId.ENABLE_CONNECT_PROTOCOL: // RFC 8441 §3
      return value > 1 ? ErrorCode.PROTOCOL_ERROR : ErrorCode.NO_ERROR;
    case SettingId.INITIAL_WINDOW_SIZE:
      return value > MAX_WINDOW_SIZE ? ErrorCode.FLOW_CONTROL_ERROR : ErrorCode.NO_ERROR;
    case SettingId.MAX_FRAME_SIZE:
      return value < MIN_MAX_FRAME_SIZE || value > MAX_MAX_FRAME_SIZE ? ErrorCode.PROTOCOL_ERROR : ErrorCode.NO_ERROR;
    default:
      return ErrorCode.NO_ERROR;
  }
}

/**
 * Our own settings.
 *
 * The peer learns of a change when the frame reaches it, and we learn that it did from its acknowledgement. In between, frames
 * that were sent by the old values and frames sent by the new ones look alike. So a value is enforced as the laxest of those
 * that the peer may be going by: a larger one at once, when it is sent, a smaller one only when it is acknowledged. No peer
 * that keeps to either is ever at fault, and what that costs is bounded by values that we chose ourselves.
 */
export class LocalSettings {
  #acknowledged: Settings = DEFAULT_SETTINGS;
  #enforced: Settings = DEFAULT_SETTINGS;
  /** In the order in which they were sent, which is the order of the acknowledgements (RFC 9113 §6.5.3). */
  readonly #pending: { readonly settings: Settings; readonly sentAtMs: number }[] = [];

  /**
   * What the peer must keep to now. When `initialWindowSize` is not what it was before a call, the window of every stream changes by
   * the difference. Streams may be refused above a smaller `maxConcurrentStreams` that is still on its way, but only as
   * REFUSED_STREAM: the peer cannot know (RFC 9113 §5.1.2).
   */
  get enforced(): Settings {
    return this.#enforced;
  }

  /** When the oldest frame that is not acknowledged was sent, for SETTINGS_TIMEOUT; undefined when all are. */
  get pendingSinceMs(): number | undefined {
    return this.#pending[0]?.sentAtMs;
  }

  /**
   * Changes settings.
   *
   * @returns The entries for a SETTINGS frame, which must be written now.
   * @throws {RangeError} A value is not allowed.
   */
  send(changes: Partial<Settings>, nowMs: number): (readonly [id: number, value: number])[] {
    const entries: (readonly [number, number])[] = [];
    for (const [name, id] of NAMES) {
      const value = changes[name];
      if (value === undefined) {
        continue;
      }
      if (value !== value >>> 0 || valueFault(id, value) !== ErrorCode.NO_ERROR) {
        throw new RangeError(`Cannot send the setting ${name}: ${value} is not allowed`);
      }
      entries.push([id, value]);
    }
    const settings = { ...(this.#pending.at(-1)?.settings ?? this.#acknowledged), ...changes };
    this.#pending.push({ settings, sentAtMs: nowMs });
    this.#enforce();
    return entries;
  }

  /** Applies the oldest change that waits. False when none does, which is a peer's error. */
  receiveAck(): boolean {
    const oldest = this.#pending.shift();
    if (oldest === undefined) {
      return false;
    }
    this.#acknowledged = oldest.settings;
    this.#enforce();
    return true;
  }

  #enforce(): void {
    if (this.#pending.length === 0) {
      this.#enforced = this.#acknowledged;
      return;
    }
    const enforced: { -readonly [Name in keyof Settings]: number } = { ...this.#acknowledged };
    for (const { settings } of this.#pending) {
      for (const [name] of NAMES) {
        enforced[name] = Math.max(enforced[name], settings[name]);
      }
    }
    this.#enforced = enforced;
  }
}

/** The peer's settings. They hold from when they are received, which the acknowledgement then says. */
export class RemoteSettings {
  readonly #role: "client" | "server";
  readonly #maxEntries: number;
  readonly #values: { -readonly [Name in keyof Settings]: number } = { ...DEFAULT_SETTINGS };
  #lowestHeaderTableSize: number = DEFAULT_HEADER_TABLE_SIZE;

  /**
   * @param role Which side we are.
   * @param maxEntries Entries a frame may have.
   */
  constructor(role: "client" | "server", maxEntries: number) {
    this.#role = role;
    this.#maxEntries = maxEntries;
  }

  /** What we must keep to now. The same object always. */
  get values(): Settings {
    return this.#values;
  }

  /** The lowest header table size that the last frame named or found, which an HPACK encoder has to announce before the last one (RFC 7541 §4.2). */
  get lowestHeaderTableSize(): number {
    return this.#lowestHeaderTableSize;
  }

  /**
   * Takes the entries of a SETTINGS frame, one after the other as RFC 9113 §6.5.3 asks. Unknown ones are ignored.
   *
   * @returns What is wrong with them; the values are then of no use any more. Undefined when nothing is.
   */
  receive(buffer: Uint8Array, start: number, end: number): SettingsFault | undefined {
    if (end - start > 6 * this.#maxEntries) {
      const message = `SETTINGS of ${(end - start) / 6} entries, the limit is ${this.#maxEntries}`;
      return { code: ErrorCode.ENHANCE_YOUR_CALM, message };
    }
    this.#lowestHeaderTableSize = this.#values.headerTableSize;
    for (let offset = start; offset < end; offset += 6) {
      const id = buffer[offset]! << 8 | buffer[offset + 1]!;
      const value = readUint32(buffer, offset + 2);
      let code = valueFault(id, value);
      // "A client MUST treat receipt of a SETTINGS frame with SETTINGS_ENABLE_PUSH set to 1 as a connection error of type
      // PROTOCOL_ERROR" (RFC 9113 §6.5.2)
      if (id === SettingId.ENABLE_PUSH && value === 1 && this.#role === "client") {
        code = ErrorCode.PROTOCOL_ERROR;
      }
      if (code !== ErrorCode.NO_ERROR) {
        return { code, message: `SETTINGS_${settingName(id)} of ${value}` };
      }
      this.#set(id, value);
    }
    return undefined;
  }

  #set(id: number, value: number): void {
    const values = this.#values;
    switch (id) {
      case SettingId.HEADER_TABLE_SIZE:
        values.headerTableSize = value;
        this.#lowestHeaderTableSize = Math.min(this.#lowestHeaderTableSize, value);
        break;
      case SettingId.ENABLE_PUSH:
        values.enablePush = value;
        break;
      case SettingId.MAX_CONCURRENT_STREAMS:
        values.maxConcurrentStreams = value;
        break;
      case SettingId.INITIAL_WINDOW_SIZE:
        values.initialWindowSize = value;
        break;
      case SettingId.MAX_FRAME_SIZE:
        values.maxFrameSize = value;
        break;
      case SettingId.MAX_HEADER_LIST_SIZE:
        values.maxHeaderListSize = value;
        break;
      case SettingId.ENABLE_CONNECT_PROTOCOL:
        values.enableConnectProtocol = value;
        break;
    }
  }
}

function settingName(id: number): string | undefined {
  return Object.entries(SettingId).find(([, known]) => known === id)?.[0];
}
