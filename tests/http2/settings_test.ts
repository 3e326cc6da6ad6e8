import assert from "node:assert/strict";
import { errorName, SettingId } from "../../src/http2/constants.ts";
import { DEFAULT_SETTINGS, LocalSettings, RemoteSettings } from "../../src/http2/settings.ts";
import * as build from "../support/frame_builder.ts";

type Entry = readonly [id: number, value: number];

/** Lets settings receive entries, somewhere in a buffer. */
function receive(settings: RemoteSettings, entries: readonly Entry[]): string | undefined {
  const buffer = build.settings(...entries);
  const fault = settings.receive(buffer, 9, buffer.length);
  return fault && `${errorName(fault.code)}: ${fault.message}`;
}

Deno.test("LocalSettings enforces a smaller value when it is acknowledged, a larger one at once", () => {
  const settings = new LocalSettings();
  assert.deepEqual(settings.enforced, DEFAULT_SETTINGS);
  assert.deepEqual(settings.send({ maxFrameSize: 20_000, initialWindowSize: 1000, enablePush: 0 }, 10), [
    [SettingId.ENABLE_PUSH, 0],
    [SettingId.INITIAL_WINDOW_SIZE, 1000],
    [SettingId.MAX_FRAME_SIZE, 20_000],
  ]);
  assert.deepEqual(settings.enforced, { ...DEFAULT_SETTINGS, maxFrameSize: 20_000 });
  assert.equal(settings.receiveAck(), true);
  assert.deepEqual(settings.enforced, {
    ...DEFAULT_SETTINGS,
    maxFrameSize: 20_000,
    initialWindowSize: 1000,
    enablePush: 0,
  });
});

Deno.test("LocalSettings takes acknowledgements in the order of the frames", () => {
  const settings = new LocalSettings();
  assert.equal(settings.pendingSinceMs, undefined);
  settings.send({ initialWindowSize: 100 }, 1);
  settings.send({ initialWindowSize: 90_000 }, 2);
  settings.send({ maxConcurrentStreams: 5 }, 3);
  const seen = [];
  do {
    const { initialWindowSize, maxConcurrentStreams } = settings.enforced;
    seen.push([settings.pendingSinceMs, initialWindowSize, maxConcurrentStreams]);
  } while (settings.receiveAck());
  assert.deepEqual(seen, [[1, 90_000, Infinity], [2, 90_000, Infinity], [3, 90_000, Infinity], [undefined, 90_000, 5]]);
  settings.send({ initialWindowSize: 100 }, 4);
  assert.equal(settings.enforced.initialWindowSize, 90_000);
  settings.receiveAck();
  assert.equal(settings.enforced.initialWindowSize, 100);
});

Deno.test("LocalSettings is told of an acknowledgement that nothing asked for", () => {
  const settings = new LocalSettings();
  assert.equal(settings.receiveAck(), false);
  assert.deepEqual(settings.send({}, 0), [], "an empty frame is acknowledged too");
  assert.equal(settings.receiveAck(), true);
  assert.equal(settings.receiveAck(), false);
});

Deno.test("LocalSettings refuses values that no peer would take", () => {
  const settings = new LocalSettings();
  for (
    const [name, good, bad] of [
      ["headerTableSize", [0, 0xffff_ffff], [-1, 0x1_0000_0000, 0.5]],
      ["enablePush", [0, 1], [2]],
      ["initialWindowSize", [0, 0x7fff_ffff], [0x8000_0000]],
      ["maxFrameSize", [16_384, 0xff_ffff], [16_383, 0x100_0000]],
      ["maxConcurrentStreams", [0], [Infinity, NaN]],
      ["enableConnectProtocol", [0, 1], [2]],
    ] as const
  ) {
    for (const value of good) {
      assert.equal(settings.send({ [name]: value }, 0)[0]![1], value);
    }
    for (const value of bad) {
      const message = `Cannot send the setting ${name}: ${value} is not allowed`;
      assert.throws(() => settings.send({ [name]: value }, 0), { name: "RangeError", message });
    }
  }
});

Deno.test("RemoteSettings takes every setting, the last one of several, and ignores what it does not know", () => {
  const settings = new RemoteSettings("server", 32);
  assert.deepEqual(settings.values, DEFAULT_SETTINGS);
  const entries: Entry[] = [[1, 1], [2, 0], [3, 3], [4, 4], [5, 16_385], [6, 6], [7, 7], [8, 1], [0xffff, 9], [0, 9]];
  assert.equal(receive(settings, [[4, 99], ...entries]), undefined);
  assert.deepEqual(settings.values, {
    headerTableSize: 1,
    enablePush: 0,
    maxConcurrentStreams: 3,
    initialWindowSize: 4,
    maxFrameSize: 16_385,
    maxHeaderListSize: 6,
    enableConnectProtocol: 1,
  });
  assert.equal(receive(settings, []), undefined);
  assert.equal(receive(settings, [[3, 0]]), undefined);
  assert.equal(settings.values.maxConcurrentStreams, 0);
  assert.equal(settings.values.initialWindowSize, 4);
});

Deno.test("RemoteSettings knows the lowest header table size of a frame", () => {
  const settings = new RemoteSettings("server", 32);
  receive(settings, [[1, 10], [1, 5000]]);
  assert.deepEqual([settings.values.headerTableSize, settings.lowestHeaderTableSize], [5000, 10]);
  receive(settings, [[1, 6000]]);
  assert.deepEqual([settings.values.headerTableSize, settings.lowestHeaderTableSize], [6000, 5000]);
  receive(settings, [[1, 0xffff_ffff]]);
  assert.equal(settings.values.headerTableSize, 0xffff_ffff);
});

Deno.test("RemoteSettings: each value on both sides of what is allowed", () => {
  const cases: [Entry, string | undefined][] = [
    [[2, 0], undefined],
    [[2, 1], undefined],
    [[2, 2], "PROTOCOL_ERROR: SETTINGS_ENABLE_PUSH of 2"],
    [[4, 0x7fff_ffff], undefined],
    [[4, 0x8000_0000], "FLOW_CONTROL_ERROR: SETTINGS_INITIAL_WINDOW_SIZE of 2147483648"],
    [[5, 16_383], "PROTOCOL_ERROR: SETTINGS_MAX_FRAME_SIZE of 16383"],
    [[5, 16_384], undefined],
    [[5, 0xff_ffff], undefined],
    [[5, 0x100_0000], "PROTOCOL_ERROR: SETTINGS_MAX_FRAME_SIZE of 16777216"],
    [[8, 1], undefined],
    [[8, 2], "PROTOCOL_ERROR: SETTINGS_ENABLE_CONNECT_PROTOCOL of 2"],
  ];
  for (const [entry, expected] of cases) {
    assert.equal(receive(new RemoteSettings("server", 32), [entry]), expected);
    assert.equal(receive(new RemoteSettings("server", 32), [[0xff, 0], entry]), expected, "also behind another one");
  }
});

Deno.test("RemoteSettings: a server must not offer push", () => {
  assert.equal(receive(new RemoteSettings("client", 32), [[2, 0]]), undefined);
  const fault = "PROTOCOL_ERROR: SETTINGS_ENABLE_PUSH of 1";
  assert.equal(receive(new RemoteSettings("client", 32), [[2, 1]]), fault);
});

Deno.test("RemoteSettings takes as many entries as allowed and not one more", () => {
  const entries: Entry[] = new Array(32).fill([0xff, 1]);
  assert.equal(receive(new RemoteSettings("server", 32), entries), undefined);
  assert.equal(
    receive(new RemoteSettings("server", 32), [...entries, [3, 1]]),
    "ENHANCE_YOUR_CALM: SETTINGS of 33 entries, the limit is 32",
  );
});
