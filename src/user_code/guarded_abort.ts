/**
 * Signals that user code listens to. A listener that throws is a mistake of its own call: it is reported to the owner of the signal, the other
 * listeners run, and the program goes on. Without a guard, Deno and Node end the process.
 */
import { isThenable } from "./thenable.ts";

/** The owner of a signal. */
export interface MistakeOwner {
  /** Takes what a listener threw, or what the promise of an asynchronous listener rejected with. Must not throw. */
  report(mistake: unknown): void;
}

/** The owner of the signal that is being aborted; undefined while none is. */
let aborting: MistakeOwner | undefined;

/*
 * Listeners of signals that were made of a guarded one (`AbortSignal.any`, `new Request`) are out of our reach. Deno and browsers report what they
 * throw by an event, at once. The listener is here from the beginning on, since Deno calls those of the program in the order of their registration.
 * Node has no such event.
 */
(globalThis as Partial<Pick<typeof globalThis, "addEventListener">>).addEventListener?.("error", (event) => {
  if (aborting !== undefined) {
    event.preventDefault();
    event.stopImmediatePropagation();
    aborting.report((event as ErrorEvent).error);
  }
});

/** Makes an `AbortController` with a guarded signal. Abort it with {@linkcode abortGuarded}. */
export function createGuardedAbort(owner: MistakeOwner): AbortController {
  const controller = new AbortController();
  guardSignal(controller.signal, owner);
  return controller;
}

/** Guards the listeners that a signal gets from now on. */
export function guardSignal(signal: AbortSignal, owner: MistakeOwner): void {
  Object.setPrototypeOf(signal, GUARDED_PROTOTYPE);
  (signal as GuardedSignal)[OWNER] = owner;
}

/** Aborts a signal. What listeners throw goes to the owner, also what those of dependent signals do. */
export function abortGuarded(controller: AbortController, reason: unknown, owner: MistakeOwner): void {
  const outer = aborting;
  aborting = owner;
  try {
    controller.abort(reason);
  } finally {
    aborting = outer;
  }
}

/** As the types of Deno and of browsers have it, which differ. */
type Listener = ((event: Event) => unknown) | { handleEvent(event: Event): unknown };
type GuardedListener = (event: Event) => void;

const OWNER = Symbol("owner");

/** Each listener has one, so that adding it twice and removing it does what it does without a guard. */
const guardedListeners = new WeakMap<Listener, GuardedListener>();
const originalListeners = new WeakMap<GuardedListener, Listener>();

type GuardedSignal = AbortSignal & { [OWNER]?: MistakeOwner };

const { prototype } = AbortSignal;

/** The prototype of signals that are guarded. `instanceof AbortSignal` holds, and platforms take them as theirs. */
const GUARDED_PROTOTYPE = Object.create(prototype, {
  addEventListener: {
    configurable: true,
    writable: true,
    value(this: AbortSignal, type: string, listener: Listener, options?: AddEventListenerOptions | boolean): void {
      prototype.addEventListener.call(this, type, guarded(listener) as EventListener, options);
    },
  },
  removeEventListener: {
    configurable: true,
    writable: true,
    value(this: AbortSignal, type: string, listener: Listener, options?: EventListenerOptions | boolean): void {
      prototype.removeEventListener.call(this, type, guarded(listener) as EventListener, options);
    },
  },
  onabort: {
    configurable: true,
    get(this: AbortSignal): unknown {
      const listener: GuardedListener | null = Reflect.get(prototype, "onabort", this);
      return listener === null ? null : originalListeners.get(listener) ?? listener;
    },
    set(this: AbortSignal, listener: Listener | null): void {
      Reflect.set(prototype, "onabort", typeof listener === "function" ? guarded(listener) : listener, this);
    },
  },
});

/** Returns what is no listener as it is: the platform says what is wrong with it. */
function guarded(listener: Listener): Listener {
  if (typeof listener !== "function" && (typeof listener !== "object" || listener === null)) {
    return listener;
  }
  let guardedListener = guardedListeners.get(listener);
  if (guardedListener === undefined) {
    guardedListener = (event) => call(listener, event);
    guardedListeners.set(listener, guardedListener);
    originalListeners.set(guardedListener, listener);
  }
  return guardedListener;
}

function call(listener: Listener, event: Event): void {
  const signal = event.currentTarget as GuardedSignal;
  const owner = signal[OWNER];
  try {
    const listening: unknown = typeof listener === "function"
      ? listener.call(signal, event)
      : listener.handleEvent(event);
    if (isThenable(listening)) {
      Promise.resolve(listening).catch((mistake) => owner?.report(mistake));
    }
  } catch (mistake) {
    owner?.report(mistake);
  }
}
