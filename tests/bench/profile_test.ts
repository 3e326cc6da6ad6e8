/** That programs are profiled until they are ended, or end. */
import assert from "node:assert/strict";
import { DENO_RUN } from "../../bench/processes.ts";
import { profilePeer } from "../../bench/profile.ts";
import { runProgram, startProgram } from "../support/program.ts";

/** Its types are not there any more in what V8 runs: lines are others. */
const PROGRAM = `
interface Sum {
  readonly sum: number;
}

function spin(): Sum {
  let sum = 0;
  for (let index = 0; index < 30_000_000; index++) {
    sum += Math.sqrt(index);
  }
  return { sum };
}

console.log("ready");
for (let turn = 0; turn < 10; turn++) {
  await new Promise((resolve) => setTimeout(resolve));
  spin();
}
console.log("spun");
if (Deno.args[0] === "wait") {
  setInterval(() => {}, 1000);
}
`;

async function profile(measure: (command: readonly string[]) => Promise<unknown>): Promise<string> {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/program.ts`;
  try {
    await Deno.writeTextFile(path, PROGRAM);
    const peer = { name: "peer", build: () => Promise.resolve([...DENO_RUN, path]) };
    return await profilePeer(
      {
        key: "test",
        title: "Test",
        metrics: [],
        peers: [peer],
        goals: [],
        async measure(peer) {
          await measure(await peer.build());
          return [];
        },
      },
      peer,
      folder,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("The profile of a program that ends says where functions are in TypeScript", async () => {
  const text = await profile(([command, ...args]) => runProgram(command!, args));
  assert.match(text, /^Test: peer\n.* % +spin +file:.*\/program\.ts:6\n/);
});

Deno.test("A program is profiled until it is ended", async () => {
  const text = await profile(async ([command, ...args]) => {
    await using _program = await startProgram(command!, [...args, "wait"], /^spun/m);
  });
  assert.match(text, /^Test: peer\n.* % +spin +file:.*\/program\.ts:6\n/);
});
