import assert from "node:assert/strict";
import { HeaderListTooLargeError, HpackDecoder, HpackEncoder, HpackError } from "../../../src/http2/hpack/mod.ts";
import { fuzzTest, randomList } from "./random_lists.ts";

const FORBIDDEN = new Set(["authorization", "cookie", "set-cookie"]);

fuzzTest("20,000 lists survive encoder and decoder, with tables of all sizes", (random) => {
  let encoder = new HpackEncoder();
  let decoder = new HpackDecoder({ maxHeaderListSize: 2 ** 20, maxFields: 100 });
  const constant = Array.from({ length: 4 }, () => Object.freeze(randomList(random, false)));
  for (let round = 0; round < 20_000; round++) {
    if (random.below(2000) === 0) {
      encoder = new HpackEncoder({ maxTableSize: random.below(9000) });
      decoder = new HpackDecoder({ maxHeaderListSize: 2 ** 20, maxFields: 100 });
    }
    while (random.below(40) === 0) {
      const size = random.pick([0, random.below(200), random.below(9000), 4096]);
      encoder.setMaxTableSize(size);
      decoder.setMaxTableSize(size);
    }
    const fields = random.below(3) === 0 ? random.pick(constant) : randomList(random, true);
    const offset = random.below(5);
    const buffer = new Uint8Array(offset + encoder.bound(fields));
    const end = encoder.encode(fields, buffer, offset);
    assert.ok(end <= buffer.length, `round ${round}`);
    const expected = fields.map(({ name, value, sensitive }) =>
      sensitive || FORBIDDEN.has(name) ? { name, value, sensitive: true } : { name, value }
    );
    assert.deepEqual(decoder.decode(buffer, offset, end), expected, `round ${round}`);
  }
});

fuzzTest(
  "the decoder takes any octets: it throws nothing but its two errors, and stays within its limits",
  (random) => {
    const counts = { decoded: 0, tooLarge: 0, broken: 0 };
    for (let round = 0; round < 3000; round++) {
      const maxTableSize = random.pick([0, 100, 4096]);
      const maxFields = 1 + random.below(12);
      const maxHeaderListSize = random.below(2000);
      const encoder = new HpackEncoder({ maxTableSize });
      const decoder = new HpackDecoder({ maxFields, maxHeaderListSize });
      try {
        for (let block = 0; block < 10; block++) {
          const fields = randomList(random, true);
          const buffer = new Uint8Array(encoder.bound(fields));
          const end = encoder.encode(fields, buffer, 0);
          for (let mutations = random.below(4); mutations > 0 && end > 0; mutations--) {
            buffer[random.below(end)] = random.pick([0, 0x20, 0x3f, 0x7f, 0x80, 0xbe, 0xff, random.below(256)]);
          }
          try {
            const list = decoder.decode(buffer, 0, random.below(8) === 0 ? random.below(end + 1) : end);
            counts.decoded++;
            const size = list.reduce((sum, { name, value }) => sum + name.length + value.length + 32, 0);
            assert.ok(list.length <= maxFields && size <= maxHeaderListSize, `round ${round}`);
          } catch (error) {
            if (!(error instanceof HeaderListTooLargeError)) {
              throw error;
            }
            counts.tooLarge++;
          }
          assert.ok(decoder.tableSize <= 4096, `round ${round}`);
        }
      } catch (error) {
        assert.ok(error instanceof HpackError, `round ${round}: ${error}`);
        counts.broken++;
      }
    }
    assert.ok(Math.min(...Object.values(counts)) > 500, JSON.stringify(counts));
  },
);

fuzzTest("limits change nothing about the table: a narrow decoder stays in step with a wide one", (random) => {
  const encoder = new HpackEncoder();
  const wide = new HpackDecoder({ maxHeaderListSize: 2 ** 20, maxFields: 100 });
  const narrow = new HpackDecoder({ maxHeaderListSize: 300, maxFields: 4 });
  let refused = 0;
  for (let round = 0; round < 5000; round++) {
    const fields = randomList(random, true);
    const buffer = new Uint8Array(encoder.bound(fields));
    const end = encoder.encode(fields, buffer, 0);
    const list = wide.decode(buffer, 0, end);
    const size = list.reduce((sum, { name, value }) => sum + name.length + value.length + 32, 0);
    if (size <= 300 && list.length <= 4) {
      assert.deepEqual(narrow.decode(buffer, 0, end), list, `round ${round}`);
    } else {
      assert.throws(() => narrow.decode(buffer, 0, end), HeaderListTooLargeError, `round ${round}`);
      refused++;
    }
    assert.deepEqual(narrow.tableEntries, wide.tableEntries, `round ${round}`);
  }
  assert.ok(refused > 1000);
});
