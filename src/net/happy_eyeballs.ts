/**
 * Connects to the address that answers first, of several that a name has (Happy Eyeballs, RFC 8305): a broken IPv6 costs a moment and not
 * the connection.
 */
import { isIPv6 } from "node:net";
import type { Clock } from "./clock.ts";
import { closeQuietly } from "./sockets.ts";

/** Options of {@linkcode raceAddresses}. */
export interface RaceOptions {
  /** How long an attempt is alone before the next one joins, in milliseconds ("Connection Attempt Delay", RFC 8305 §5). */
  readonly staggerMs: number;
  readonly clock: Clock;
  /** Ends all attempts. */
  readonly signal: AbortSignal;
}

/** What became of one address. */
export interface AddressFailure {
  readonly address: string;
  readonly error: unknown;
}

/** None of the addresses could be connected to. */
export class RaceError extends Error {
  override readonly name = "RaceError";
  /** In the order in which the attempts failed. */
  readonly failures: readonly AddressFailure[];

  constructor(failures: readonly AddressFailure[]) {
    super(`None of ${failures.length} addresses could be connected to`);
    this.failures = failures;
  }
}

/**
 * Puts the families in turn, the first one of the list first, and leaves the order in each as it is (RFC 8305 §4): when one family does not work,
 * the second attempt is of the other.
 */
export function interleaveFamilies(addresses: readonly string[]): string[] {
  const families: [string[], string[]] = [[], []];
  const isFirstIPv6 = isIPv6(addresses[0] ?? "");
  for (const address of addresses) {
    families[isIPv6(address) === isFirstIPv6 ? 0 : 1].push(address);
  }
  const [first, second] = families;
  const turns = Math.max(first.length, second.length);
  return Array.from({ length: turns }, (_, turn) => [...first.slice(turn, turn + 1), ...second.slice(turn, turn + 1)])
    .flat();
}

/**
 * Attempts one address after the other, the next one when the one before has failed or is slow, until one succeeds. The others are then
 * aborted; what they may still connect is closed.
 *
 * @param attempt Connects to one address. It should end when its signal is aborted.
 * @throws {RaceError} All failed.
 * @throws The signal's reason, when it is aborted.
 */
export function raceAddresses<Connected extends { close(): void }>(
  addresses: readonly string[],
  attempt: (address: string, signal: AbortSignal) => Promise<Connected>,
  { staggerMs, clock, signal }: RaceOptions,
): Promise<Connected> {
  const { promise, resolve, reject } = Promise.withResolvers<Connected>();
  const losers = new AbortController();
  const failures: AddressFailure[] = [];
  let started = 0;
  let isOver = false;
  let stopTimer = () => {};

  const end = () => {
    isOver = true;
    stopTimer();
    signal.removeEventListener("abort", abort);
  };
  const abort = () => {
    end();
    losers.abort(signal.reason);
    reject(signal.reason);
  };
  const succeed = (connected: Connected) => {
    if (isOver) {
      closeQuietly(connected); // Another one was faster.
      return;
    }
    end();
    resolve(connected);
    losers.abort(new Error("Another address answered first"));
  };
  const fail = (address: string, error: unknown) => {
    if (isOver) {
      return;
    }
    failures.push({ address, error });
    if (started < addresses.length) {
      startNext();
    } else if (failures.length === addresses.length) {
      end();
      reject(new RaceError(failures));
    }
  };
  const startNext = () => {
    stopTimer();
    const address = addresses[started++]!;
    if (started < addresses.length) {
      stopTimer = clock.schedule(startNext, staggerMs);
    }
    attempt(address, losers.signal).then(succeed, (error) => fail(address, error));
  };

  if (signal.aborted) {
    reject(signal.reason);
  } else if (addresses.length === 0) {
    reject(new RaceError([]));
  } else {
    signal.addEventListener("abort", abort);
    startNext();
  }
  return promise;
}
