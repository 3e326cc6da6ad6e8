/**
 * Flow-control windows (RFC 9113 §5.2, §6.9): how many octets of DATA may still travel in one direction, on a stream or a connection.
 * They only count. Who sends the WINDOW_UPDATE, and with which error a fault ends, is the connection's business.
 * This module performs no I/O.
 */
import { MAX_WINDOW_SIZE } from "./constants.ts";

/**
 * The window we grant the peer.
 *
 * Each octet of it is in one of three places: the peer may still send it (available), it has arrived and somebody here has yet
 * to deal with it (held), or it has been dealt with but the peer has not been told (due). Receiving moves octets from
 * available to held, releasing from held to due, and a WINDOW_UPDATE from due back to available, so the three always add up to
 * the window's size. Padding and octets of streams that are gone count too: whoever drops them releases them.
 *
 * A WINDOW_UPDATE per release would cost a frame for every small message, one per emptied window would make the
 * peer stop and wait. So the octets that are due go back together once they are half of the window. That can never stall: while
 * less than half is due, the peer either may send more or everything else is held, and is due when it is released.
 */
export class ReceiveWindow {
  #size: number;
  #available: number;
  #due = 0;

  /** @param size Octets the peer knows that it may send. */
  constructor(size: number) {
    this.#size = size;
    this.#available = size;
  }

  /** Octets the peer may have on the way at most. */
  get size(): number {
    return this.#size;
  }

  /** Octets the peer may still send. Negative after {@linkcode adjust} made the window smaller than what had arrived. */
  get available(): number {
    return this.#available;
  }

  /** Counts arrived octets, padding included. False when the peer was not allowed to send them: FLOW_CONTROL_ERROR (RFC 9113 §6.9). */
  receive(length: number): boolean {
    if (length > this.#available) {
      return false;
    }
    this.#available -= length;
    return true;
  }

  /**
   * Counts octets that were dealt with.
   *
   * @returns What to tell the peer in a WINDOW_UPDATE, which then counts as told; 0 for nothing yet.
   * @throws {RangeError} More octets were released than received.
   */
  release(length: number): number {
    if (length > this.#size - this.#available - this.#due) {
      throw new RangeError(
        `Cannot release ${length} octets: only ${this.#size - this.#available - this.#due} are held`,
      );
    }
    const due = this.#due + length;
    // An empty release must not announce an increment of 0, which is an error (RFC 9113 §6.9).
    if (due === 0 || due * 2 < this.#size) {
      this.#due = due;
      return 0;
    }
    this.#due = 0;
    this.#available += due;
    return due;
  }

  /**
   * Makes the window larger by WINDOW_UPDATE, which is the only way for a connection's window (RFC 9113 §6.9.2).
   *
   * @returns What to tell the peer, which then counts as told. Octets that were due go with it.
   * @throws {RangeError} The size is smaller than now, or above 2^31-1.
   */
  grow(size: number): number {
    if (!(size >= this.#size && size <= MAX_WINDOW_SIZE)) {
      throw new RangeError(`Cannot grow a window from ${this.#size} to ${size} octets`);
    }
    const increment = size - this.#size + this.#due;
    this.#size = size;
    this.#available += increment;
    this.#due = 0;
    return increment;
  }

  /** Changes the size as our new SETTINGS_INITIAL_WINDOW_SIZE does: the peer works it out itself (RFC 9113 §6.9.2). */
  adjust(delta: number): void {
    this.#size += delta;
    this.#available += delta;
  }
}

/** The window the peer grants us. */
export class SendWindow {
  #available: number;
  #taken = 0;

  /** @param size Octets that may be sent at once. */
  constructor(size: number) {
    this.#available = size;
  }

  /** Octets that may be sent now; none when it is negative, which a smaller SETTINGS_INITIAL_WINDOW_SIZE may make it. */
  get available(): number {
    return this.#available;
  }

  /** Bytes that were sent in all. */
  get taken(): number {
    return this.#taken;
  }

  /**
   * Counts octets that are sent.
   *
   * @throws {RangeError} The window has fewer.
   */
  take(length: number): void {
    if (length > this.#available) {
      throw new RangeError(`Cannot send ${length} octets: the window has ${this.#available}`);
    }
    this.#available -= length;
    this.#taken += length;
  }

  /** Counts a WINDOW_UPDATE. False, and nothing counted, above 2^31-1: FLOW_CONTROL_ERROR (RFC 9113 §6.9.1). */
  add(increment: number): boolean {
    return this.adjust(increment);
  }

  /**
   * Applies the difference between two values of the peer's SETTINGS_INITIAL_WINDOW_SIZE (RFC 9113 §6.9.2).
   * False, and nothing changed, above 2^31-1: a FLOW_CONTROL_ERROR of the connection.
   */
  adjust(delta: number): boolean {
    if (this.#available + delta > MAX_WINDOW_SIZE) {
      return false;
    }
    this.#available += delta;
    return true;
  }
}
