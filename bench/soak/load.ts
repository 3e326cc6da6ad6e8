/** Makes calls at a rate, whatever becomes of them, and counts how they end. */
import { Random } from "../../tests/support/random.ts";
import { RawClient } from "../../tests/support/raw_client.ts";
import { BAD_INPUTS, type BadInput } from "./bad_input.ts";
import { CALL_KINDS, type CallKind, type Scene, storeKeptFiles } from "./calls.ts";
import { createSoakClients, type SoakClients } from "./clients.ts";
import { PATIENCE_MS } from "./outcome.ts";

/** How often calls are begun, in milliseconds. */
const TICK_MS = 20;

/** Calls at a time. More are not begun until others have ended: the machine is too slow for the rate. */
const MAX_UNDER_WAY = 300;

/** After how long clients are replaced by new ones, so that connections come and go, in milliseconds. */
const CLIENT_AGE_MS = 60_000;

/** How the calls of a kind have ended. */
export interface Tally {
  ended: number;
  unexpected: number;
}

/** A call under way. */
interface BegunCall {
  readonly name: string;
  /** The client that makes it. */
  readonly way: string;
  readonly outcome: Promise<void>;
}

/** See the top of the file. */
export class Load {
  /** By kind, and by way. */
  readonly tallies = new Map<string, Tally>();
  /** Told of calls that did not end as they have to. */
  readonly #onUnexpected: (what: string, error: unknown) => void;
  readonly #url: URL;
  readonly #random: Random;
  readonly #scene: Scene;
  /** Each kind as often as its share is. */
  readonly #wheel: readonly (() => BegunCall)[];
  /** The outcomes of calls, which never reject, and what calls they are. */
  readonly #underWay = new Map<Promise<void>, string>();
  /** Clients that close when their calls have ended. */
  readonly #closing = new Set<Promise<void>>();
  #clients: SoakClients;
  #begun = 0;
  #heldBack = 0;
  #unexpected = 0;

  constructor(url: string, seed: number, onUnexpected: (what: string, error: unknown) => void) {
    this.#url = new URL(url);
    this.#random = new Random(seed);
    this.#scene = { random: this.#random, octets: this.#random.bytes(4 * 1024 * 1024) };
    this.#onUnexpected = onUnexpected;
    this.#clients = createSoakClients(url);
    this.#wheel = [
      ...CALL_KINDS.flatMap((kind) => Array.from({ length: kind.share }, () => () => this.#make(kind))),
      ...BAD_INPUTS.flatMap((input) => Array.from({ length: input.share }, () => () => this.#send(input))),
    ];
  }

  /** Calls that were begun. */
  get begun(): number {
    return this.#begun;
  }

  /** Calls that were not begun because too many were under way. */
  get heldBack(): number {
    return this.#heldBack;
  }

  /** Calls that did not end as they have to. */
  get unexpected(): number {
    return this.#unexpected;
  }

  /** What is under way. */
  get underWay(): string[] {
    return this.#underWay.values().toArray();
  }

  /** Makes so many calls a second until the signal aborts, and waits for their ends. */
  async run(rate: number, signal: AbortSignal): Promise<void> {
    await storeKeptFiles(this.#clients.all[0]!, this.#scene);
    const replacing = setInterval(() => this.#replaceClients(), CLIENT_AGE_MS);
    const startMs = performance.now();
    let due = 0;
    while (!signal.aborted) {
      const dueByNow = Math.floor((performance.now() - startMs) / 1000 * rate);
      for (; due < dueByNow; due++) {
        if (this.#underWay.size < MAX_UNDER_WAY) {
          this.#begin();
        } else {
          this.#heldBack++;
        }
      }
      await new Promise((resolve) => setTimeout(resolve, TICK_MS));
    }
    clearInterval(replacing);
    await Promise.all(this.#underWay.keys());
    this.#replaceClients();
    await Promise.all(this.#closing);
    await this.#clients.close();
  }

  #begin(): void {
    this.#begun++;
    const { name, way, outcome } = this.#random.pick(this.#wheel)();
    const what = `${name} by ${way}`;
    const tallies = [this.#tally(name), this.#tally(way)];
    const ended = outcome.catch((error) => {
      this.#fail(what, error);
      tallies.forEach((tally) => tally.unexpected++);
    }).then(() => {
      tallies.forEach((tally) => tally.ended++);
      this.#underWay.delete(ended);
    });
    this.#underWay.set(ended, what);
  }

  #make({ name, isFullDuplex, make }: CallKind): BegunCall {
    const ways = this.#clients.all.filter(({ carrier }) => carrier === "h2" || !isFullDuplex);
    const way = this.#random.pick(ways);
    return { name, way: way.name, outcome: make(way, this.#scene) };
  }

  #send({ name, send }: BadInput): BegunCall {
    return { name: `bad: ${name}`, way: "raw", outcome: this.#connectAnd(send) };
  }

  async #connectAnd(send: BadInput["send"]): Promise<void> {
    const client = await RawClient.connect({ hostname: this.#url.hostname, port: Number(this.#url.port) }, PATIENCE_MS);
    try {
      await send(client);
    } finally {
      client.close();
    }
  }

  #tally(key: string): Tally {
    const tally = this.tallies.get(key) ?? { ended: 0, unexpected: 0 };
    this.tallies.set(key, tally);
    return tally;
  }

  #fail(what: string, error: unknown): void {
    this.#unexpected++;
    this.#onUnexpected(what, error);
  }

  #replaceClients(): void {
    const closing = this.#closeAfter([...this.#underWay.keys()], this.#clients).then(() => {
      this.#closing.delete(closing);
    });
    this.#closing.add(closing);
    this.#clients = createSoakClients(this.#url.origin);
  }

  async #closeAfter(calls: readonly Promise<void>[], clients: SoakClients): Promise<void> {
    await Promise.all(calls);
    try {
      await clients.shutdown();
      await clients.close();
    } catch (error) {
      this.#fail("closing", error);
    }
  }
}
