/** All that is measured. */
import type { Scenario, Setting } from "../scenario.ts";
import { blobScenarios } from "./blobs.ts";
import { clientScenarios } from "./clients.ts";
import { edgeScenarios } from "./edge.ts";
import { engineScenarios } from "./engines.ts";
import { httpScenarios } from "./http.ts";
import { memoryScenarios } from "./memory.ts";
import { streamScenarios } from "./streams.ts";
import { unaryScenarios } from "./unary.ts";
import { workerScenarios } from "./workers.ts";

/** All scenarios, in the order in which they are shown. */
export async function makeScenarios(setting: Setting): Promise<readonly Scenario[]> {
  return [
    ...await unaryScenarios(setting),
    ...await httpScenarios(setting),
    ...await streamScenarios(setting),
    ...clientScenarios(setting),
    ...await blobScenarios(setting),
    ...await workerScenarios(setting),
    ...memoryScenarios(),
    ...edgeScenarios(),
    ...await engineScenarios(setting),
  ];
}
