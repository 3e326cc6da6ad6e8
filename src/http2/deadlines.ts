/** When a connection has to do something without being told, in milliseconds of its caller's clock. This module performs no I/O. */

/** Infinity means never. */
export class Deadlines {
  /** The peer's preface and SETTINGS must be there. */
  handshake = Infinity;
  /** Our SETTINGS must be acknowledged. */
  settingsAck = Infinity;
  /** The field block or frame that is on its way must be there. */
  block = Infinity;
  /** Nothing was received for so long that the peer is asked whether it is there. */
  ping = Infinity;
  /** It must have answered. */
  pong = Infinity;
  /** There was no stream for so long that the connection is not needed. */
  idle = Infinity;
  /** The connection is old enough. */
  age = Infinity;
  /** Between the two GOAWAY frames of a shutdown: no stream that was on its way will come any more. */
  drain = Infinity;
  /** Streams that cannot send are to be looked at. */
  stall = Infinity;

  /** The first of all; undefined when there is none. */
  get next(): number | undefined {
    const next = Math.min(
      this.handshake,
      this.settingsAck,
      this.block,
      this.ping,
      this.pong,
      this.idle,
      this.age,
      this.drain,
      this.stall,
    );
    return next === Infinity ? undefined : next;
  }

  /** Forgets them all. */
  clear(): void {
    Object.assign(this, new Deadlines());
  }
}
