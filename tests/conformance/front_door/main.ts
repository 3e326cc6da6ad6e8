/**
 * All judges of the front door.
 *
 * `deno run --allow-all tests/conformance/front_door/main.ts`
 */
import { runJudge, type Verdict } from "../verdict.ts";
import { judgeByOthers } from "./differential.ts";
import { judgeLoad } from "./load.ts";
import { judgeSlowloris } from "./slowloris.ts";

/** Judges the front door: by load, by slow clients, and by what other servers do. */
export async function* judgeFrontDoor(): AsyncGenerator<Verdict> {
  yield* judgeLoad();
  yield* judgeSlowloris();
  yield* judgeByOthers();
}

if (import.meta.main) {
  await runJudge(judgeFrontDoor);
}
