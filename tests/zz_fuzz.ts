import { Random } from "/work/wt/codec/tests/support/random.ts";
import { compare } from "/work/wt/codec/tests/codec/differential.ts";
import { conformanceProtos, loadTypes, OWN_PROTOS } from "/work/wt/codec/tests/codec/stubs.ts";
const [seed,n]=Deno.args.map(Number);
const types = await loadTypes("fuzz"+seed, [...OWN_PROTOS, await conformanceProtos(), "/root/go/pkg/mod/connectrpc.com/conformance@v1.0.7/proto"]);
console.log(types.length, "types");
const t=performance.now();
console.log(JSON.stringify(compare(types, new Random(seed), n)), ((performance.now()-t)/n*1000).toFixed(0),"us each");
