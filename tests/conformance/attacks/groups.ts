/** All attacks, in groups. */
import type { Attack, AttackGroup } from "./attack.ts";
import { browser } from "./groups/browser.ts";
import { connections } from "./groups/connections.ts";
import { files } from "./groups/files.ts";
import { http1 } from "./groups/http1.ts";
import { http2Control } from "./groups/http2_control.ts";
import { http2Headers } from "./groups/http2_headers.ts";
import { http2Streams } from "./groups/http2_streams.ts";
import { compression } from "./groups/compression.ts";
import { json } from "./groups/json.ts";
import { messages } from "./groups/messages.ts";
import { rpc } from "./groups/rpc.ts";
import { site } from "./groups/site.ts";
import { userCode } from "./groups/user_code.ts";

export const GROUPS: readonly AttackGroup[] = [
  connections,
  http2Control,
  http2Streams,
  http2Headers,
  http1,
  messages,
  json,
  compression,
  rpc,
  files,
  site,
  userCode,
  browser,
];

/** @throws {Error} There is none of that name. */
export function findAttack(name: string): Attack {
  const attack = GROUPS.flatMap(({ attacks }) => attacks).find((attack) => attack.name === name);
  if (attack === undefined) {
    throw new Error(`There is no attack "${name}"`);
  }
  return attack;
}
