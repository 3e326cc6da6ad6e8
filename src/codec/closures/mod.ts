/** Codecs compiled from the schema at run time: closures, as `eval` is nothing that every platform has. */
import type { DescMessage, UnknownField } from "@bufbuild/protobuf";
import { setCompiler } from "../message_codec.ts";
import { costOf, isExtendable, sortedFields } from "../plan.ts";
import { generatedCodec, type WireCodec } from "../wire/wire_codec.ts";
import * as wire from "../wire/mod.ts";
import { type Draft, draftMaker } from "./draft.ts";
import { fieldReaders, type FindCodec, type ReadField } from "./field_reader.ts";
import { fieldWriter } from "./field_writer.ts";

/** Tags below are found by index, others in a map: fields up to number 255. */
const NEAR_TAGS = 2048;

/** Makes the function that finds the codec of a message type: one of those generated, or else one that is compiled when it is first asked for. */
export function closureCompiler(generated: FindGenerated): FindCodec {
  const compiled = new WeakMap<DescMessage, WireCodec>();
  const codecOf: FindCodec = (desc) => generated(desc) ?? compiled.get(desc) ?? compile(desc);
  const compile = (desc: DescMessage) => {
    const codec: WireCodec = { read: wire.decline, bound: wire.decline, write: wire.decline };
    // Before its fields, which may be of the same type.
    compiled.set(desc, codec);
    return Object.assign(codec, { read: messageReader(desc, codecOf), ...messageWriter(desc, codecOf) });
  };
  return codecOf;
}

/** Finds a generated codec, if there is one. */
type FindGenerated = (desc: DescMessage) => WireCodec | undefined;

/** Has all types compiled that come without generated source. */
export function useClosures(): void {
  setCompiler(closureCompiler(generatedCodec));
}

function messageReader(desc: DescMessage, codecOf: FindCodec): WireCodec["read"] {
  const newDraft = draftMaker(desc);
  const near: (ReadField | undefined)[] = [];
  const far = new Map<number, ReadField>();
  const known = new Set<number>();
  const cost = costOf(desc);
  const readUnknown = isExtendable(desc) ? wire.readExtension : wire.readUnknown;
  for (const field of desc.fields) {
    known.add(field.number);
    for (const [tag, read] of fieldReaders(field, codecOf)) {
      if (tag < NEAR_TAGS) {
        // Without holes: they are looked for in the prototype.
        while (near.length <= tag) {
          near.push(undefined);
        }
        near[tag] = read;
      } else {
        far.set(tag, read);
      }
    }
  }
  return (buffer, at, end, depth, endTag) => {
    wire.enter(depth, cost);
    const draft = newDraft();
    let unknown: UnknownField[] | undefined;
    let tag = 0;
    while (at < end) {
      tag = buffer[at++]!;
      if (tag > 127) {
        tag = wire.readTag(buffer, at - 1);
        at = wire.position;
      }
      const read = tag < near.length ? near[tag] : far.get(tag);
      if (read !== undefined) {
        at = read(draft, buffer, at, end, depth);
      } else if (tag === endTag) {
        break;
      } else {
        // protobuf-es does not look at the wire type of a field it knows: it decides what a wrong one means.
        if (known.has(tag >>> 3)) {
          wire.decline();
        }
        unknown = readUnknown(unknown, buffer, at, end, tag);
        at = wire.position;
      }
    }
    wire.endMessage(at, end, tag, endTag);
    if (unknown !== undefined) {
      draft.$unknown = wire.endUnknown(unknown);
    }
    return draft;
  };
}

function messageWriter(
  desc: DescMessage,
  codecOf: FindCodec,
): Pick<WireCodec<Draft>, "bound" | "write"> {
  const typeName = desc.typeName;
  const writers = sortedFields(desc).map((field) => fieldWriter(field, codecOf));
  const members = writers.map(({ member }) => member);
  const unset = writers.map(({ unset }) => unset);
  const writes = writers.map(({ write }) => write);
  const looked = writers.filter(({ bound }) => typeof bound !== "number");
  const lookedMembers = looked.map(({ member }) => member);
  const bounds = looked.map(({ bound }) => typeof bound === "number" ? () => bound : bound);
  const fixed = writers.reduce((sum, { bound }) => typeof bound === "number" ? sum + bound : sum, 0);
  return {
    bound: (draft) => {
      let sum = fixed;
      for (let i = 0; i < bounds.length; i++) {
        sum += bounds[i]!(draft[lookedMembers[i]!]);
      }
      return draft.$unknown === undefined ? sum : sum + wire.boundUnknown(draft.$unknown);
    },
    write: (draft, buffer, at) => {
      if (draft.$typeName !== typeName) {
        wire.decline();
      }
      for (let i = 0; i < members.length; i++) {
        const value = draft[members[i]!];
        // Most fields of most messages are not set: closures are called for those that are.
        if (value !== unset[i]) {
          at = writes[i]!(value, buffer, at, draft);
        }
      }
      return draft.$unknown === undefined ? at : wire.writeUnknown(draft.$unknown, buffer, at);
    },
  };
}
