import assert from "node:assert/strict";
import { MAX_WINDOW_SIZE } from "../../src/http2/constants.ts";
import { ReceiveWindow, SendWindow } from "../../src/http2/flow_window.ts";
import { fuzzSeed, Random } from "../support/random.ts";

Deno.test("a ReceiveWindow takes its size and not an octet more", () => {
  const window = new ReceiveWindow(100);
  assert.equal(window.receive(60), true);
  assert.equal(window.receive(41), false);
  assert.equal(window.available, 40);
  assert.equal(window.receive(40), true);
  assert.equal(window.receive(1), false);
  assert.equal(window.receive(0), true, "an empty DATA frame fits into any window");
});

Deno.test("a ReceiveWindow gives back at half of its size, all at once", () => {
  const window = new ReceiveWindow(100);
  window.receive(100);
  assert.equal(window.release(49), 0);
  assert.equal(window.available, 0);
  assert.equal(window.release(1), 50);
  assert.equal(window.available, 50);
  assert.equal(window.release(50), 50);
  assert.equal(window.available, 100);
});

Deno.test("a ReceiveWindow of an odd size, of 1 and of 0 never announces an increment of 0", () => {
  const odd = new ReceiveWindow(3);
  odd.receive(3);
  assert.deepEqual([odd.release(1), odd.release(1), odd.release(1)], [0, 2, 0]);
  const one = new ReceiveWindow(1);
  assert.equal(one.release(0), 0);
  one.receive(1);
  assert.deepEqual([one.release(1), one.available], [1, 1]);
  assert.equal(new ReceiveWindow(0).release(0), 0);
});

Deno.test("a ReceiveWindow refuses the release of octets that never came", () => {
  const window = new ReceiveWindow(100);
  window.receive(10);
  window.release(5);
  assert.throws(() => window.release(6), { name: "RangeError", message: "Cannot release 6 octets: only 5 are held" });
  assert.equal(window.release(5), 0);
});

Deno.test("a ReceiveWindow grows by WINDOW_UPDATE, and takes what is due along", () => {
  const window = new ReceiveWindow(100);
  window.receive(30);
  assert.equal(window.release(20), 0);
  assert.equal(window.grow(1000), 920);
  assert.equal(window.available, 990);
  assert.equal(window.grow(1000), 0);
  assert.throws(() => window.grow(999), RangeError);
  assert.throws(() => window.grow(MAX_WINDOW_SIZE + 1), RangeError);
  assert.equal(window.grow(MAX_WINDOW_SIZE), MAX_WINDOW_SIZE - 1000);
});

Deno.test("a ReceiveWindow that SETTINGS made smaller than what arrived takes nothing until it is given back", () => {
  const window = new ReceiveWindow(100);
  window.receive(80);
  window.adjust(-60);
  assert.equal(window.size, 40);
  assert.equal(window.available, -40);
  assert.equal(window.receive(1), false);
  assert.equal(window.release(80), 80);
  assert.equal(window.available, 40);
});

Deno.test("a ReceiveWindow loses no octet, whatever is received and released", () => {
  const seed = fuzzSeed();
  const random = new Random(seed);
  for (let round = 0; round < 200; round++) {
    const window = new ReceiveWindow(1 + random.below(1000));
    let held = 0;
    let announced = window.size; // as the peer counts
    for (let step = 0; step < 200; step++) {
      if (random.below(2) === 0) {
        const length = random.below(announced + 1);
        assert.equal(window.receive(length), true, `seed ${seed}`);
        announced -= length;
        held += length;
      } else {
        const length = random.below(held + 1);
        held -= length;
        announced += window.release(length);
      }
      assert.equal(window.available, announced, `seed ${seed}`);
      assert(held + announced > window.size / 2, `less than half of the window is due (seed ${seed})`);
    }
    announced += window.release(held);
    assert(announced > window.size / 2, `seed ${seed}`);
  }
});

Deno.test("a SendWindow hands out what it has", () => {
  const window = new SendWindow(10);
  window.take(4);
  assert.throws(() => window.take(7), { name: "RangeError", message: "Cannot send 7 octets: the window has 6" });
  window.take(6);
  assert.equal(window.available, 0);
  assert.equal(window.add(5), true);
  assert.equal(window.available, 5);
});

Deno.test("a SendWindow holds 2^31-1 octets and not one more", () => {
  const window = new SendWindow(65_535);
  assert.equal(window.add(MAX_WINDOW_SIZE - 65_535 + 1), false);
  assert.equal(window.available, 65_535);
  assert.equal(window.add(MAX_WINDOW_SIZE - 65_535), true);
  assert.equal(window.adjust(1), false);
  assert.equal(window.available, MAX_WINDOW_SIZE);
});

Deno.test("a SendWindow may become negative by SETTINGS and come back by WINDOW_UPDATE", () => {
  const window = new SendWindow(100);
  window.take(80);
  assert.equal(window.adjust(-60), true);
  assert.equal(window.available, -40);
  assert.throws(() => window.take(1), RangeError);
  assert.equal(window.add(41), true);
  window.take(1);
  assert.equal(window.available, 0);
});
