/**
 * How fast messages are encoded into a connection's buffer and decoded from it, beside protobuf-es: as the ratio of the times, by closures
 * and by generated source, fresh and after 50 other types were used.
 *
 * `deno run --allow-all bench/micro/codec/main.ts [part of a row's name]`
 */
import { CONFORMANCE_PROTOS, generateStubs, OWN_PROTOS } from "../../../tests/codec/stubs.ts";
import { runProgram } from "../../../tests/support/program.ts";
import { type Row, ROW_NAMES } from "./row.ts";

const ROW = new URL("row.ts", import.meta.url).pathname;

await generateStubs("bench", [...OWN_PROTOS, CONFORMANCE_PROTOS]);
const chosen = ROW_NAMES.filter((name) => name.includes(Deno.args[0] ?? ""));
console.log(
  "Times faster than protobuf-es, closures / generated; fresh | after 50 other types. In brackets nanoseconds of protobuf-es.",
);
console.log(`${"".padEnd(28)}${"octets".padStart(9)}   ${"encode".padEnd(40)}decode`);
for (const name of chosen) {
  const rows: Row[] = [];
  for (const setting of ["fresh", "after"]) {
    rows.push(JSON.parse(await runProgram("deno", ["run", "--allow-all", ROW, name, setting], { timeoutMs: 120_000 })));
  }
  const side = (kind: "encode" | "decode") =>
    rows.map(({ ns }) => {
      const es = ns[`${kind}Es`];
      const ratio = (other: number) => (es / other).toFixed(1).padStart(5);
      return `${ratio(ns[`${kind}Closures`])} /${ratio(ns[`${kind}Generated`])} (${es.toFixed(0)})`;
    }).join(" | ");
  console.log(
    `${name.padEnd(28)}${String(rows[0]!.octets).padStart(9)}   ${side("encode").padEnd(40)}${side("decode")}`,
  );
}
