import { conformanceProtos, generateStubs, OWN_PROTOS } from "/work/wt/codec/tests/codec/stubs.ts";
await generateStubs("bench", [...OWN_PROTOS, await conformanceProtos()]);
