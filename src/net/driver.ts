/**
 * Drives a connection over a socket: one read, one `handleInput`, one write of all that came of it.
 *
 * It owns the socket, the read buffer and one timer. What the octets mean is for the engines in `http1/` and `http2/`.
 */
import { beginPeriods, type HttpConnection, type RefusalError, usePeriod } from "../http/mod.ts";
import { closeQuietly, isSocketError, type Socket } from "./sockets.ts";
import { EVENT_LOOP_TURNS, type Turns } from "./turns.ts";

/**
 * Read buffers, in bytes. A pending read pins its buffer, and most connections are idle, so they begin with the smallest. A busy connection gets the
 * largest, which is faster by 22 % than 4 KiB. A new buffer for each read would cost 44 %.
 */
const BUFFER_SIZES = [1024, 4096, 65_536] as const;
const [SMALL_BUFFER, , LARGE_BUFFER] = BUFFER_SIZES;

/** After so many reads that the next smaller buffer would have held, the connection gets that. */
const READS_UNTIL_SMALLER = 256;

/**
 * How long, in milliseconds, and how much, in bytes, is read of what the peer sends after the end, so that it can read our last words first. Many
 * clients read nothing before they have written all: a message that was refused as too large may be the longest that would have been taken, and more.
 */
const LINGER_MS = 1000;
const LINGER_BYTES = 8 << 20;
/** How much of it is read in one turn. */
const LINGER_BYTES_PER_TURN = 1 << 20;

/**
 * Bytes of input that a connection handles though the turn of all connections is over: what a connection sends that calls now and then, which does not
 * wait behind those that flood.
 */
const SMALL_INPUT = 512;

/** RFC 9113 §7. HTTP/1.1 just closes. */
const INTERNAL_ERROR = 0x2;
const CANCEL = 0x8;
const ENHANCE_YOUR_CALM = 0xb;

/** What an engine tells its driver. */
export interface DriverHooks {
  /** There is output, or input is wanted again. */
  onOutput(): void;
  /** The connection keeps more than it may: it is closed, and the socket soon, whatever its peer reads. */
  onRefused(error: RefusalError): void;
  /** There is costly work to do (`HttpExchange.schedule`). */
  schedule<T>(bytes: number, work: () => T, isFurther: boolean): T | Promise<T>;
  /** The connection is over. */
  onClose(error: Error | undefined): void;
}

/** One connection and its socket. */
export class Driver<Connection extends HttpConnection = HttpConnection> {
  readonly connection: Connection;
  /** Resolves when the socket is closed, to what the connection ended with. Never rejects. */
  readonly closed: Promise<Error | undefined>;

  readonly #socket: Socket;
  readonly #onError: (error: unknown) => void;
  readonly #turns: Turns;
  #endedWith: Error | undefined;
  #brokenBy: Error | undefined;
  /** Whether a flush is going to happen, and whether one is going on. */
  #isFlushScheduled = false;
  /** The time of the input that the flush is for: it comes right after it, and each look at the clock takes 0.1 us. Undefined when it has another reason. */
  #flushAtMs: number | undefined;
  #isFlushing = false;
  /** When the piece of time began in which the peer has to take some of what is being written; Infinity when nothing is. */
  #writeBeganAtMs = Infinity;
  /** Bytes that the socket took in all, and how many of them are used up for the pieces of time that have passed. */
  #writtenLength = 0;
  #usedLength = 0;
  /** Resolves who waits for a write to end, or for input to be wanted again. */
  #onChange: (() => void) | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When the timer fires. */
  #timerAtMs = Infinity;
  #lingerTimer: ReturnType<typeof setTimeout> | undefined;
  #hasEndedOutput = false;
  #isOver = false;

  /**
   * @param socket Its owner from now on is the driver.
   * @param connect Makes the connection.
   * @param onError Told of a mistake in a handler, by which the connection is lost.
   * @param firstChunk What was read of the socket to see who is there. Its buffer is the driver's, to read on into.
   * @param turns The queue in which it waits when its turn is over.
   */
  constructor(
    socket: Socket,
    connect: (hooks: DriverHooks) => Connection,
    onError: (error: unknown) => void,
    firstChunk?: Uint8Array<ArrayBuffer>,
    turns: Turns = EVENT_LOOP_TURNS,
  ) {
    this.#socket = socket;
    this.#turns = turns;
    this.#onError = onError;
    this.connection = connect({
      onOutput: () => this.#scheduleFlush(),
      schedule: (bytes, work, isFurther) => this.#turns.schedule(this, bytes, work, isFurther),
      onRefused: ({ message }) => {
        this.close(ENHANCE_YOUR_CALM, message);
        closeQuietly(this.#socket); // Its peer does not read what it is told.
        this.connection.handleClosed();
      },
      onClose: (error) => {
        this.#endedWith = error;
        this.#scheduleFlush();
      },
    });
    this.closed = this.#run(firstChunk);
  }

  /** What the socket failed with, if it did: what TLS has to say does not come by HTTP. */
  get brokenBy(): Error | undefined {
    return this.#brokenBy;
  }

  async #run(firstChunk: Uint8Array<ArrayBuffer> | undefined): Promise<Error | undefined> {
    this.#scheduleFlush();
    this.#armTimer();
    try {
      if (firstChunk !== undefined) {
        await this.#take(firstChunk);
      }
      await this.#readAll(firstChunk === undefined ? new Uint8Array(SMALL_BUFFER) : new Uint8Array(firstChunk.buffer));
      while (!this.connection.isClosed || this.#isFlushing || this.#isFlushScheduled) {
        await this.#changed(); // HTTP/1.1 still answers one who has said all he has to say.
      }
      await this.#linger();
    } catch (error) {
      this.#noteBroken(error);
      await this.#endInputInTurn(); // The peer reset the connection, or we closed the socket.
    }
    this.#isOver = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#lingerTimer);
    closeQuietly(this.#socket);
    this.connection.handleClosed();
    return this.#endedWith;
  }

  async #readAll(buffer: Uint8Array<ArrayBuffer>): Promise<void> {
    const { connection } = this;
    let size = 0;
    let smallReads = 0;
    while (!connection.isClosed) {
      const length = await this.#socket.read(buffer);
      if (length === null) {
        return await this.#endInputInTurn();
      }
      const waiting = this.#take(buffer.subarray(0, length));
      if (waiting !== undefined) {
        await waiting;
      }
      if (length === buffer.length && size < BUFFER_SIZES.length - 1) {
        buffer = new Uint8Array(BUFFER_SIZES[++size]!);
        smallReads = 0;
      } else if (size === 0 || length > BUFFER_SIZES[size - 1]!) {
        smallReads = 0;
      } else if (++smallReads === READS_UNTIL_SMALLER) {
        buffer = new Uint8Array(BUFFER_SIZES[--size]!);
        smallReads = 0;
      }
    }
  }

  /** Not `async`: most of what is read needs no waiting, and no promise. */
  #take(chunk: Uint8Array): Promise<void> | undefined {
    const { connection } = this;
    const isLarge = chunk.length > SMALL_INPUT;
    if (isLarge && this.#turns.isOver) {
      return this.#takeRest(chunk, 0, true);
    }
    const end = this.#input(chunk, 0);
    const isTurnOver = connection.isTurnOver && this.#turns.isNextDue || isLarge && this.#turns.isOver;
    return end === chunk.length && connection.wantsInput && !isTurnOver
      ? undefined
      : this.#takeRest(chunk, end, isTurnOver);
  }

  async #takeRest(chunk: Uint8Array, start: number, isTurnOver: boolean): Promise<void> {
    const { connection } = this;
    for (let position = start; !connection.isClosed;) {
      if (!connection.wantsInput) {
        await this.#changed(); // The peer does not read what we have to say, or has others to answer before this.
      } else if (isTurnOver) {
        isTurnOver = false;
        await this.#turns.next(); // Also before the next read, which Deno may complete at once.
      } else if (position < chunk.length) {
        position = this.#input(chunk, position);
        isTurnOver = connection.isTurnOver && this.#turns.isNextDue;
      } else {
        return;
      }
    }
  }

  #input(chunk: Uint8Array, start: number): number {
    const nowMs = performance.now();
    let end = chunk.length;
    try {
      end = this.connection.handleInput(chunk, nowMs, start);
    } catch (error) {
      this.#fail(error);
    }
    this.#turns.spend(nowMs, performance.now());
    this.#afterCall(nowMs);
    return end;
  }

  /** A handler threw in the middle of a frame: the connection does not know where it is any more. */
  #fail(error: unknown): void {
    this.#onError(error);
    this.close(INTERNAL_ERROR, "Internal error");
  }

  /** Ends the connection now. Handlers that throw when they hear of it are told of, too. */
  close(code?: number, message?: string): void {
    try {
      this.connection.close(code, message);
    } catch (error) {
      this.#onError(error);
    }
    this.#hangUpSoon(); // A peer that reads nothing does not get to the end of what is being written.
  }

  /** A socket that fails after the end, such as when we close it, has not broken anything. */
  #noteBroken(error: unknown): void {
    if (!this.connection.isClosed && error instanceof Error) {
      this.#brokenBy = error;
    }
  }

  /** Ends the calls of a peer that is gone, which takes 10 ms for 128 of them: it waits where a hundred peers are gone at once. */
  async #endInputInTurn(): Promise<void> {
    if (this.#turns.isOver && !this.connection.isClosed) {
      await this.#turns.next();
    }
    const nowMs = performance.now();
    this.#endInput();
    this.#turns.spend(nowMs, performance.now());
  }

  /** As {@linkcode close}, without a word to the peer: it is gone. */
  #endInput(): void {
    try {
      this.connection.handleEof();
    } catch (error) {
      this.#onError(error);
    }
  }

  #afterCall(nowMs: number): void {
    if (this.connection.hasOutput) {
      this.#scheduleFlush(nowMs);
    }
    this.#armTimer();
  }

  /** In a microtask of its own, so that the answers of asynchronous handlers join those of synchronous ones. */
  #scheduleFlush(nowMs?: number): void {
    if (!this.#isFlushScheduled && !this.#isFlushing) {
      this.#isFlushScheduled = true;
      this.#flushAtMs = nowMs;
      queueMicrotask(this.#flush);
    }
  }

  /** One write at a time. What comes up meanwhile gathers in the connection. */
  readonly #flush = async (): Promise<void> => {
    this.#isFlushScheduled = false;
    this.#isFlushing = true;
    const { connection } = this;
    try {
      for (let output = connection.pollOutput(); output !== undefined; output = connection.pollOutput()) {
        this.#writeBeganAtMs = this.#flushAtMs ?? performance.now();
        this.#flushAtMs = undefined;
        this.#usedLength = beginPeriods(this.#writtenLength, connection.minWriteBytes);
        this.#armTimer(); // Nothing else may ever happen to a peer that does not read.
        for (let written = 0; written < output.length;) {
          const length = await this.#socket.write(written === 0 ? output : output.subarray(written));
          written += length;
          this.#writtenLength += length;
        }
        connection.releaseOutput(output);
        this.#onChange?.();
      }
    } catch (error) {
      if (!isSocketError(error)) {
        this.#onError(error);
      }
      this.#noteBroken(error);
      this.#endInput();
      closeQuietly(this.#socket); // Else the read that is going on would never end.
    }
    this.#writeBeganAtMs = Infinity;
    this.#isFlushing = false;
    this.#onChange?.();
    this.#armTimer();
    if (connection.isClosed) {
      this.#endOutput(); // The peer closes then, which ends the read that is going on.
    }
  };

  /** Says that nothing more comes, and gives the peer a moment to do the same. */
  #endOutput(): void {
    if (!this.#hasEndedOutput) {
      this.#hasEndedOutput = true;
      this.#hangUpSoon();
      this.#socket.closeWrite().catch(() => {}); // It may be closed already.
    }
  }

  #hangUpSoon(): void {
    if (!this.#isOver) {
      this.#lingerTimer ??= setTimeout(() => closeQuietly(this.#socket), LINGER_MS);
    }
  }

  /**
   * Reads on until the peer closes. A socket that is closed with input unread makes the system send RST, at which the peer's system throws away
   * what it has not read yet: the GOAWAY that says why.
   */
  async #linger(): Promise<void> {
    this.#endOutput();
    let buffer = new Uint8Array(SMALL_BUFFER);
    let turnEndsAt = LINGER_BYTES_PER_TURN;
    for (let total = 0; total < LINGER_BYTES;) {
      if (total >= turnEndsAt) {
        turnEndsAt = total + LINGER_BYTES_PER_TURN;
        await this.#turns.next();
      }
      const length = await this.#socket.read(buffer);
      if (length === null) {
        return;
      }
      total += length;
      if (length === SMALL_BUFFER) {
        buffer = new Uint8Array(LARGE_BUFFER);
      }
    }
  }

  #changed(): Promise<void> {
    return new Promise((resolve) => {
      this.#onChange = () => {
        this.#onChange = undefined;
        resolve();
      };
    });
  }

  /**
   * Sets the timer, if something is due before it fires. It is not set back when what it was set for is off: it fires once and finds
   * nothing to do. A timer that is set anew for each call would cost more than the call.
   */
  #armTimer(): void {
    const timeoutAtMs = Math.min(
      this.connection.pollTimeout() ?? Infinity,
      this.#writeBeganAtMs + this.connection.writeTimeoutMs,
    );
    if (timeoutAtMs >= this.#timerAtMs) {
      return;
    }
    clearTimeout(this.#timer);
    this.#timerAtMs = timeoutAtMs;
    // One millisecond more, since timers are rounded down.
    this.#timer = setTimeout(this.#timeout, Math.max(0, timeoutAtMs - performance.now()) + 1);
  }

  readonly #timeout = (): void => {
    this.#timerAtMs = Infinity;
    const nowMs = performance.now();
    if (this.#writeBeganAtMs + this.connection.writeTimeoutMs <= nowMs) {
      this.#usedLength = usePeriod(this.#usedLength, this.#writtenLength, this.connection.minWriteBytes);
      if (this.#usedLength < 0) {
        // The peer reads nothing, so it cannot be told.
        this.close(CANCEL, "The peer reads nothing, or too slowly");
        closeQuietly(this.#socket);
        return;
      }
      this.#writeBeganAtMs = nowMs;
    }
    try {
      this.connection.handleTimeout(nowMs);
    } catch (error) {
      this.#fail(error);
    }
    this.#afterCall(nowMs);
  };
}
