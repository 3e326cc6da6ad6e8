/**
 * BLAKE3 of WebAssembly. Each instance has a memory of its own, of which V8 learns late that it is free. So there are a few of them, which all
 * digests share: one that is not in an instance is a state of 2 KB.
 */
import { createBLAKE3, type IHasher } from "hash-wasm";
import type { Hasher } from "../hasher.ts";

/** How many instances there are. With more digests at a time than this, changing from one to another costs 20 us. */
const MAX_INSTANCES = 16;

/** The digests whose state is in an instance, the least recently used first. */
const current = new Map<SharedBlake3, IHasher>();
const free: IHasher[] = [];
/** Those that exist, or are about to. */
let instanceCount = 0;
let first: Promise<void> | undefined;

/** Begins a digest. */
export async function createSharedBlake3(): Promise<Hasher> {
  await (first ??= addInstance());
  if (free.length === 0 && instanceCount < MAX_INSTANCES) {
    await addInstance();
  }
  return new SharedBlake3();
}

async function addInstance(): Promise<void> {
  instanceCount++;
  free.push(await createBLAKE3());
}

class SharedBlake3 implements Hasher {
  /** Undefined at the beginning, and while it is in an instance. */
  #saved: Uint8Array | undefined;

  update(bytes: Uint8Array): void {
    this.#load().update(bytes);
  }

  digestHex(): string {
    const hash = this.#load();
    current.delete(this);
    free.push(hash);
    return hash.digest("hex");
  }

  #load(): IHasher {
    const loaded = current.get(this);
    if (loaded !== undefined) {
      current.delete(this);
      current.set(this, loaded); // It is the last one now.
      return loaded;
    }
    const hash = free.pop() ?? takeOldest();
    this.#saved === undefined ? hash.init() : hash.load(this.#saved);
    this.#saved = undefined;
    current.set(this, hash);
    return hash;
  }

  /** Leaves its instance to another. */
  save(hash: IHasher): void {
    this.#saved = hash.save();
  }
}

function takeOldest(): IHasher {
  const [digest, hash] = current.entries().next().value!;
  digest.save(hash);
  current.delete(digest);
  return hash;
}
