/** When garbage is collected because memory is short. */
import assert from "node:assert/strict";
import { MemoryPressure } from "../../src/net/garbage.ts";

/** Memory of 1,600 bytes, so that 960 are high and growth is 100, of which a collection frees some. */
function pressure(usable: number | undefined) {
  const gauge = {
    residentBytes: 0,
    freed: 0,
    collections: 0,
    usable: () => usable,
    resident: () => gauge.residentBytes,
    collect: () => {
      gauge.collections++;
      gauge.residentBytes -= gauge.freed;
    },
  };
  const memory = new MemoryPressure(gauge);
  const collectionsAt = (residentBytes: number, freed = 0) => {
    Object.assign(gauge, { residentBytes, freed, collections: 0 });
    memory.relieve();
    return gauge.collections;
  };
  return collectionsAt;
}

Deno.test("garbage is collected above six tenths of the memory, and never where that is not known", () => {
  assert.equal(pressure(1600)(960), 0);
  assert.equal(pressure(1600)(961), 1);
  assert.equal(pressure(undefined)(1e12), 0);
});

Deno.test("after a collection memory has to grow by a sixteenth before the next one", () => {
  const collectionsAt = pressure(1600);
  assert.equal(collectionsAt(1100, 50), 1);
  assert.equal(collectionsAt(1150), 0);
  assert.equal(collectionsAt(1151), 1);
  assert.equal(collectionsAt(1251), 0);
  assert.equal(collectionsAt(1252), 1);
});

Deno.test("what the system takes back after a collection makes the next one earlier", () => {
  const collectionsAt = pressure(1600);
  assert.equal(collectionsAt(1200), 1);
  assert.equal(collectionsAt(1000), 0);
  assert.equal(collectionsAt(1101), 1);
  assert.equal(collectionsAt(960), 0);
  assert.equal(collectionsAt(961), 1);
});
