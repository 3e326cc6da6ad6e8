/** Whether we can open a stream now (RFC 9113 §5.1.2), and when we can again. Servers never can. This module performs no I/O. */
import type { Role } from "./connection.ts";
import type { Lifecycle } from "./lifecycle.ts";
import type { SettingsSync } from "./settings_sync.ts";
import type { StreamRegistry } from "./stream_registry.ts";

/** The streams that one connection may open. */
export class StreamConcurrency {
  readonly #role: Role;
  readonly #lifecycle: Lifecycle;
  readonly #settings: SettingsSync;
  readonly #streams: StreamRegistry;
  /** What {@linkcode look} found last. */
  #couldOpen = true;

  constructor(role: Role, lifecycle: Lifecycle, settings: SettingsSync, streams: StreamRegistry) {
    this.#role = role;
    this.#lifecycle = lifecycle;
    this.#settings = settings;
    this.#streams = streams;
  }

  /** Whether a stream can be opened. */
  get canOpen(): boolean {
    return this.#role === "client" && !this.#lifecycle.isDraining && !this.#streams.isExhausted &&
      this.#streams.localCount < this.#settings.remote.maxConcurrentStreams;
  }

  /** Why none can be opened. */
  get problem(): string {
    if (this.#lifecycle.isClosed) {
      return "the connection is closed";
    }
    if (this.#lifecycle.isDraining) {
      return "the connection takes no new ones";
    }
    if (this.#streams.isExhausted) {
      return "all stream identifiers are used";
    }
    return `the peer allows ${this.#settings.remote.maxConcurrentStreams} at a time`;
  }

  /** Looks again. @returns Whether a stream can be opened, and could not at the last look. */
  look(): boolean {
    const couldOpen = this.#couldOpen;
    this.#couldOpen = this.canOpen;
    return this.#couldOpen && !couldOpen;
  }
}
