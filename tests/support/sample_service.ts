/** A service with a method of each kind, and messages that can be deep, long, and of keys that anybody chooses. Described here, not in a proto. */
import { create, type Message, toBinary } from "@bufbuild/protobuf";
import { fileDesc, type GenMessage, type GenService, messageDesc, serviceDesc } from "@bufbuild/protobuf/codegenv2";
import {
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
  FileDescriptorProtoSchema,
  MethodOptions_IdempotencyLevel as IdempotencyLevel,
} from "@bufbuild/protobuf/wkt";

/** The one message. */
export type Sample = Message<"test.v1.Sample"> & {
  text: string;
  data: Uint8Array;
  number: number;
  child?: Sample;
  labels: Record<string, string>;
};

interface SampleMethod<Kind extends "unary" | "client_streaming" | "server_streaming" | "bidi_streaming"> {
  methodKind: Kind;
  input: typeof SampleSchema;
  output: typeof SampleSchema;
}

const TYPE = ".test.v1.Sample";
const method = { inputType: TYPE, outputType: TYPE };
const optional = { label: Label.OPTIONAL };

const file = fileDesc(
  toBinary(
    FileDescriptorProtoSchema,
    create(FileDescriptorProtoSchema, {
      name: "test/v1/sample.proto",
      package: "test.v1",
      syntax: "proto3",
      messageType: [{
        name: "Sample",
        field: [
          { name: "text", jsonName: "text", number: 1, type: Type.STRING, ...optional },
          { name: "data", jsonName: "data", number: 2, type: Type.BYTES, ...optional },
          { name: "number", jsonName: "number", number: 3, type: Type.INT32, ...optional },
          { name: "child", jsonName: "child", number: 4, type: Type.MESSAGE, typeName: TYPE, ...optional },
          {
            name: "labels",
            jsonName: "labels",
            number: 5,
            type: Type.MESSAGE,
            typeName: `${TYPE}.LabelsEntry`,
            label: Label.REPEATED,
          },
        ],
        nestedType: [{
          name: "LabelsEntry",
          field: [
            { name: "key", jsonName: "key", number: 1, type: Type.STRING, ...optional },
            { name: "value", jsonName: "value", number: 2, type: Type.STRING, ...optional },
          ],
          options: { mapEntry: true },
        }],
      }],
      service: [{
        name: "Samples",
        method: [
          { name: "Get", ...method, options: { idempotencyLevel: IdempotencyLevel.NO_SIDE_EFFECTS } },
          { name: "Unary", ...method },
          { name: "ClientStream", ...method, clientStreaming: true },
          { name: "ServerStream", ...method, serverStreaming: true },
          { name: "Bidi", ...method, clientStreaming: true, serverStreaming: true },
        ],
      }],
    }),
  ).toBase64(),
);

export const SampleSchema: GenMessage<Sample> = messageDesc(file, 0);

/** See the top of the file. */
export const Samples: GenService<{
  /** The only one without side effects. */
  get: SampleMethod<"unary">;
  unary: SampleMethod<"unary">;
  clientStream: SampleMethod<"client_streaming">;
  serverStream: SampleMethod<"server_streaming">;
  bidi: SampleMethod<"bidi_streaming">;
}> = serviceDesc(file, 0);
