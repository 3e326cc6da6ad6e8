/**
 * Describes the services of a server to tools such as grpcurl, in both versions of the protocol:
 * https://github.com/grpc/grpc/blob/master/doc/server-reflection.md
 */
import {
  createRegistry,
  type DescExtension,
  type DescFile,
  type DescService,
  type Registry,
  toBinary,
} from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, type ConnectRouter } from "@connectrpc/connect";
import { ServerReflection, type ServerReflectionRequest } from "../../gen/grpc/reflection/v1/reflection_codec.ts";
import {
  ServerReflection as ServerReflectionAlpha,
  type ServerReflectionRequest as ServerReflectionRequestAlpha,
} from "../../gen/grpc/reflection/v1alpha/reflection_codec.ts";

/** The answer to a question. The messages of both versions have the same shape. */
type Answer =
  | { case: "fileDescriptorResponse"; value: { fileDescriptorProto: Uint8Array[] } }
  | { case: "allExtensionNumbersResponse"; value: { baseTypeName: string; extensionNumber: number[] } }
  | { case: "listServicesResponse"; value: { service: { name: string }[] } }
  | { case: "errorResponse"; value: { errorCode: number; errorMessage: string } };

type Question = ServerReflectionRequest["messageRequest"] | ServerReflectionRequestAlpha["messageRequest"];

/**
 * Makes routes that describe services, and themselves: `grpc.reflection.v1.ServerReflection` and its predecessor `v1alpha`. Anybody who may call
 * a server may then see all of its protos.
 *
 * @param services The services to tell of.
 */
export function createReflectionRoutes(services: readonly DescService[]): (router: ConnectRouter) => void {
  const catalogue = new Catalogue([...services, ServerReflection, ServerReflectionAlpha]);
  const answer = <Request extends { host: string; messageRequest: Question }>(request: Request) => ({
    validHost: request.host,
    originalRequest: request,
    messageResponse: catalogue.answer(request.messageRequest),
  });
  return (router) => {
    router.service(ServerReflection, {
      async *serverReflectionInfo(requests) {
        for await (const request of requests) {
          yield answer(request);
        }
      },
    });
    router.service(ServerReflectionAlpha, {
      async *serverReflectionInfo(requests) {
        for await (const request of requests) {
          yield answer(request);
        }
      },
    });
  };
}

/** What there is to know. */
class Catalogue {
  readonly #services: readonly DescService[];
  /** All files that a service needs, by their names. */
  readonly #files = new Map<string, DescFile>();
  readonly #registry: Registry;

  constructor(services: readonly DescService[]) {
    this.#services = services;
    services.forEach(({ file }) => this.#addFile(file));
    this.#registry = createRegistry(...this.#files.values());
  }

  answer(question: Question): Answer {
    switch (question.case) {
      case "fileByFilename":
        return this.#describe(this.#files.get(question.value), `file "${question.value}"`);
      case "fileContainingSymbol":
        return this.#describe(this.#fileOfSymbol(question.value), `symbol "${question.value}"`);
      case "fileContainingExtension": {
        const { containingType, extensionNumber } = question.value;
        const extension = this.#extensionsOf(containingType).find(({ number }) => number === extensionNumber);
        return this.#describe(extension?.file, `extension ${extensionNumber} of "${containingType}"`);
      }
      case "allExtensionNumbersOfType": {
        const extensionNumber = this.#extensionsOf(question.value).map(({ number }) => number);
        return this.#registry.getMessage(question.value) === undefined
          ? notFound(`message "${question.value}"`)
          : { case: "allExtensionNumbersResponse", value: { baseTypeName: question.value, extensionNumber } };
      }
      case "listServices":
        return {
          case: "listServicesResponse",
          value: { service: this.#services.map(({ typeName }) => ({ name: typeName })) },
        };
      default:
        return failure(Code.InvalidArgument, "message_request: is not set, or unknown");
    }
  }

  #addFile(file: DescFile): void {
    if (!this.#files.has(file.proto.name)) {
      this.#files.set(file.proto.name, file);
      file.dependencies.forEach((dependency) => this.#addFile(dependency));
    }
  }

  /** Of a type, or of something in it: a method, a field, a value of an enum. */
  #fileOfSymbol(symbol: string): DescFile | undefined {
    const type = this.#registry.get(symbol);
    if (type !== undefined) {
      return type.file;
    }
    const parent = this.#registry.get(symbol.slice(0, Math.max(0, symbol.lastIndexOf("."))));
    const name = symbol.slice(symbol.lastIndexOf(".") + 1);
    switch (parent?.kind) {
      case "service":
        return parent.methods.some((method) => method.name === name) ? parent.file : undefined;
      case "message":
        return parent.members.some((member) => member.name === name) ? parent.file : undefined;
      default:
        return this.#fileOfEnumValue(symbol);
    }
  }

  /** Values of an enum are named beside it, not in it. */
  #fileOfEnumValue(symbol: string): DescFile | undefined {
    for (const type of this.#registry) {
      if (type.kind === "enum") {
        const scope = type.typeName.slice(0, type.typeName.length - type.name.length);
        if (type.values.some(({ name }) => scope + name === symbol)) {
          return type.file;
        }
      }
    }
    return undefined;
  }

  #extensionsOf(typeName: string): DescExtension[] {
    return [...this.#registry].filter((type) => type.kind === "extension").filter(({ extendee }) =>
      extendee.typeName === typeName
    );
  }

  /** The file, and behind it all that it needs: who asks need not ask again. */
  #describe(file: DescFile | undefined, what: string): Answer {
    if (file === undefined) {
      return notFound(what);
    }
    const files = new Set<DescFile>();
    const add = (file: DescFile) => {
      if (!files.has(file)) {
        files.add(file);
        file.dependencies.forEach(add);
      }
    };
    add(file);
    const fileDescriptorProto = [...files].map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto));
    return { case: "fileDescriptorResponse", value: { fileDescriptorProto } };
  }
}

function notFound(what: string): Answer {
  return failure(Code.NotFound, `there is no ${what}`);
}

function failure(errorCode: Code, errorMessage: string): Answer {
  return { case: "errorResponse", value: { errorCode, errorMessage } };
}
