/**
 * How both sides come to go by the same settings (RFC 9113 §6.5.3): ours are announced and hold when they are acknowledged, the peer's hold
 * when they are received. `settings.ts` has the values. This module performs no I/O.
 */
import type { Role } from "./connection.ts";
import { ErrorCode } from "./constants.ts";
import type { Http2Limits } from "./limits.ts";
import type { Receiver } from "./receiver.ts";
import type { Sender } from "./sender.ts";
import { LocalSettings, RemoteSettings, type Settings, type SettingsFault } from "./settings.ts";
import type { StreamRegistry } from "./stream_registry.ts";

/** The settings of one connection. */
export class SettingsSync {
  readonly #role: Role;
  readonly #limits: Http2Limits;
  readonly #sender: Sender;
  readonly #receiver: Receiver;
  readonly #streams: StreamRegistry;
  readonly #local = new LocalSettings();
  readonly #remote: RemoteSettings;

  constructor(role: Role, limits: Http2Limits, sender: Sender, receiver: Receiver, streams: StreamRegistry) {
    this.#role = role;
    this.#limits = limits;
    this.#sender = sender;
    this.#receiver = receiver;
    this.#streams = streams;
    this.#remote = new RemoteSettings(role, limits.maxSettingsEntries);
  }

  /** The peer's settings, as they are now. */
  get remote(): Settings {
    return this.#remote.values;
  }

  /** Sends our settings, in which the limits are, and makes the connection's window as large as they say. */
  announce(nowMs: number): void {
    const limits = this.#limits;
    const control = this.#sender.control;
    control.writeSettings(this.#local.send({
      ...(this.#role === "client" ? { enablePush: 0 } : { maxConcurrentStreams: limits.maxConcurrentStreams }),
      ...(limits.maxHeaderTableSize === 4096 ? {} : { headerTableSize: limits.maxHeaderTableSize }),
      ...(limits.maxFrameSize === 16384 ? {} : { maxFrameSize: limits.maxFrameSize }),
      initialWindowSize: limits.streamWindowSize,
      maxHeaderListSize: limits.maxHeaderListSize,
    }, nowMs));
    const increment = this.#receiver.window.grow(limits.connectionWindowSize);
    if (increment > 0) {
      control.writeWindowUpdate(0, increment);
    }
  }

  /**
   * Applies the peer's settings, which are still to be acknowledged.
   *
   * @returns What is wrong with them; undefined when nothing is.
   */
  receive(buffer: Uint8Array, start: number, end: number): SettingsFault | undefined {
    const remote = this.#remote;
    const initialWindowSize = remote.values.initialWindowSize;
    const fault = remote.receive(buffer, start, end);
    if (fault !== undefined) {
      return fault;
    }
    // "A change to SETTINGS_INITIAL_WINDOW_SIZE can cause the available space in a flow-control window to become negative." (RFC 9113 §6.9.2)
    const delta = remote.values.initialWindowSize - initialWindowSize;
    if (delta !== 0) {
      for (const stream of this.#streams.values()) {
        if (!stream.sendWindow.adjust(delta)) {
          const message = "SETTINGS_INITIAL_WINDOW_SIZE makes a window too large";
          return { code: ErrorCode.FLOW_CONTROL_ERROR, message };
        }
      }
    }
    this.#sender.applySettings(remote.values, remote.lowestHeaderTableSize);
    return undefined;
  }

  /** Applies the settings that the peer has acknowledged. False when there are none, which is the peer's fault. */
  receiveAck(): boolean {
    const isExpected = this.#local.receiveAck();
    if (isExpected) {
      this.#receiver.setHeaderTableSize(this.#local.enforced.headerTableSize);
    }
    return isExpected;
  }
}
