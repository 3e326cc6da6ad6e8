/** Makes calls at a rate, whatever becomes of them, and counts how they end. */
import { Random } from "../../tests/support/random.ts";
import { RawClient } from "../../tests/support/raw_client.ts";
import { BAD_INPUTS } from "./bad_input.ts";
import { CALL_KINDS, type Scene, storeKeptFiles } from "./calls.ts";
import { createSoakClients, type SoakClients } from "./clients.ts";

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

/** See the top of the file. */
export class Load {
  /** By kind, and by way. */
  readonly tallies = new Map<string, Tally>();
  /** Told of calls that did not end as they have to. */
  readonly #onUnexpected: (what: string, error: unknown) => void;
  readonly #url: URL;
  readonly #random: Random;
  readonly #scene: Scene;
  readonly #wheel: readonly ((clients: SoakClients) => [name: string, way: string, outcome: Promise<void>])[];
  readonly #underWay = new Map<number, string>();
  readonly #retired = new Set<Promise<void>>();
  #clients: SoakClients;
  #begun = 0;
  #heldBack = 0;
  #unexpected = 0;
  #onIdle: (() => void) | undefined;

  constructor(url: string, seed: number, onUnexpected: (what: string, error: unknown) => void) {
    this.#url = new URL(url);
    this.#random = new Random(seed);
    this.#scene = { random: this.#random, octets: this.#random.bytes(4 * 1024 * 1024) };
    this.#onUnexpected = onUnexpected;
    this.#clients = createSoakClients(url);
    this.#wheel = [
      ...CALL_KINDS.flatMap((kind) =>
        Array.from({ length: kind.share }, () => (clients: SoakClients) => {
          const ways = clients.all.filter(({ carrier }) => carrier === "h2" || !kind.isFullDuplex);
          const way = this.#random.pick(ways);
          return [kind.name, way.name, kind.make(way, this.#scene)] as [string, string, Promise<void>];
        })
      ),
      ...BAD_INPUTS.flatMap(({ name, share, send }) =>
        Array.from({ length: share }, () => () => {
          return [`bad: ${name}`, "raw", this.#sendRaw(send)] as [string, string, Promise<void>];
        })
      ),
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
    return [...this.#underWay.values()];
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
    if (this.#underWay.size > 0) {
      await new Promise<void>((resolve) => this.#onIdle = resolve);
    }
    this.#replaceClients();
    await Promise.all(this.#retired);
    await this.#clients.close();
  }

  #begin(): void {
    const id = this.#begun++;
    const [name, way, outcome] = this.#random.pick(this.#wheel)(this.#clients);
    const what = `${name} by ${way}`;
    this.#underWay.set(id, what);
    outcome.then(() => this.#end(id, [name, way], 0), (error) => {
      this.#fail(what, error);
      this.#end(id, [name, way], 1);
    });
  }

  #fail(what: string, error: unknown): void {
    this.#unexpected++;
    this.#onUnexpected(what, error);
  }

  #end(id: number, keys: readonly string[], unexpected: number): void {
    for (const key of keys) {
      const tally = this.tallies.get(key) ?? { ended: 0, unexpected: 0 };
      tally.ended++;
      tally.unexpected += unexpected;
      this.tallies.set(key, tally);
    }
    this.#underWay.delete(id);
    if (this.#underWay.size === 0) {
      this.#onIdle?.();
    }
  }

  /** The old ones are closed when their calls have ended. */
  #replaceClients(): void {
    const old = this.#clients;
    this.#clients = createSoakClients(this.#url.origin);
    const retirement = old.shutdown().then(() => old.close()).catch((error) => this.#fail("closing", error));
    this.#retired.add(retirement);
    retirement.then(() => this.#retired.delete(retirement));
  }

  async #sendRaw(send: (client: RawClient) => Promise<void>): Promise<void> {
    const client = await RawClient.connect({ hostname: this.#url.hostname, port: Number(this.#url.port) });
    try {
      await send(client);
    } finally {
      client.socket.close();
    }
  }
}
