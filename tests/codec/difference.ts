/** Equality of messages as strict as it gets: prototypes, own properties, -0 and NaN. */

/** Where two values differ, as a path and both of them; undefined if nowhere. */
export function difference(a: unknown, b: unknown, path = ""): string | undefined {
  if (Object.is(a, b)) {
    return undefined;
  }
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) {
    return `${path}: ${String(a)} is not ${String(b)}`;
  }
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) {
    return `${path}: the prototypes differ`;
  }
  if (a instanceof Uint8Array && b instanceof Uint8Array) {
    return a.toHex() === b.toHex() ? undefined : `${path}: ${a.toHex()} is not ${b.toHex()}`;
  }
  const [keysOfA, keysOfB] = [Object.keys(a).sort(), Object.keys(b).sort()];
  if (keysOfA.length !== keysOfB.length || keysOfA.some((key, i) => key !== keysOfB[i])) {
    return `${path}: ${keysOfA} are not ${keysOfB}`;
  }
  const [entriesOfA, entriesOfB] = [a as Record<string, unknown>, b as Record<string, unknown>];
  for (const key of keysOfA) {
    const found = difference(entriesOfA[key], entriesOfB[key], `${path}.${key}`);
    if (found !== undefined) {
      return found;
    }
  }
  return undefined;
}

/** Whether there is NaN anywhere: which one of its many encodings comes out is the engine's affair. */
export function hasNaN(value: unknown): boolean {
  return Number.isNaN(value) ||
    typeof value === "object" && value !== null && !(value instanceof Uint8Array) && Object.values(value).some(hasNaN);
}
