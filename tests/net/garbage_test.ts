/** When those wait who make garbage, and for how long. */
import assert from "node:assert/strict";
import { MemoryPressure } from "../../src/net/garbage.ts";

/** Memory of which each pause gives some back. */
function pressure(usable: number | undefined, resident: number, givenBack: number) {
  const gauge = {
    pauses: 0,
    collections: 0,
    usable: () => usable,
    resident: () => resident,
    collect: () => {
      gauge.collections++;
    },
    pause: () => {
      gauge.pauses++;
      resident -= givenBack;
      return Promise.resolve();
    },
  };
  return { gauge, memory: new MemoryPressure(gauge) };
}

Deno.test("memory is high above six tenths of what there is, and never where that is not known", () => {
  assert.equal(pressure(1000, 600, 0).memory.isHigh, false);
  assert.equal(pressure(1000, 601, 0).memory.isHigh, true);
  assert.equal(pressure(undefined, 1e12, 0).memory.isHigh, false);
});

Deno.test("who waits goes on as soon as it is not high any more, and at last anyway", async () => {
  const helped = pressure(1000, 900, 100);
  await helped.memory.relieve();
  assert.deepEqual([helped.gauge.collections, helped.gauge.pauses], [3, 3]);
  const hopeless = pressure(1000, 900, 0);
  await hopeless.memory.relieve();
  assert.equal(hopeless.gauge.pauses, 10);
  const low = pressure(1000, 100, 0);
  await low.memory.relieve();
  assert.equal(low.gauge.pauses, 0);
});
