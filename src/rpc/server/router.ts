/** Where services are registered, and found again by their paths. */
import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { Code, ConnectError, type ConnectRouter, type MethodImpl, type ServiceImpl } from "@connectrpc/connect";
import { binaryCodec, jsonCodec, type MessageCodec } from "../message_codec.ts";
import { createInvocation, type Invocation } from "./invocation.ts";
import { writingImplOf } from "./message_writer.ts";
import type { ResolvedOptions } from "./options.ts";

/** The codecs of a method in one format. */
export interface MethodCodecs {
  readonly input: MessageCodec;
  readonly output: MessageCodec;
}

/** A method that can be called. */
export interface RegisteredMethod {
  readonly service: DescService;
  readonly method: DescMethod;
  /** `/package.Service/Method` */
  readonly path: string;
  readonly invocation: Invocation;
  readonly proto: MethodCodecs;
  readonly json: MethodCodecs;
}

/** A method, as the user wrote it. */
type Implementation = (...args: never[]) => unknown;

/** What a service may have of its own. Other options of connect-es are those of the server. */
type ServiceOptions = Partial<Pick<ResolvedOptions, "interceptors" | "jsonOptions" | "binaryOptions">>;

/** The `ConnectRouter` of connect-es, as far as registering goes: how methods are called is our own. */
export class Router implements ConnectRouter {
  /** None: connect-es' handlers, of which there are none here. */
  readonly handlers: ConnectRouter["handlers"] = [];
  readonly #options: Pick<ResolvedOptions, "interceptors" | "jsonOptions" | "binaryOptions">;
  readonly #methods = new Map<string, RegisteredMethod>();
  readonly #services = new Set<string>();

  constructor(options: Pick<ResolvedOptions, "interceptors" | "jsonOptions" | "binaryOptions">) {
    this.#options = options;
  }

  /** Methods that the implementation lacks answer `unimplemented`. @throws {Error} The service is registered already. */
  service<T extends DescService>(service: T, implementation: Partial<ServiceImpl<T>>, options?: ServiceOptions): this {
    if (this.#services.has(service.typeName)) {
      throw new Error(`Cannot register ${service.typeName}: it is registered already`);
    }
    const methods: Record<string, unknown> = implementation;
    for (const method of service.methods) {
      const implemented = methods[method.localName];
      this.#add(
        method,
        isMethod(implemented) ? bound(implemented, implementation) : unimplemented(method),
        options,
      );
    }
    return this;
  }

  /** @throws {Error} The method is registered already. */
  rpc<M extends DescMethod>(method: M, implementation: MethodImpl<M>, options?: ServiceOptions): this {
    this.#add(method, implementation as Implementation, options);
    return this;
  }

  /** By the path of a request, which has to be the method's to the letter. */
  find(path: string): RegisteredMethod | undefined {
    return this.#methods.get(path);
  }

  /** By its descriptor. */
  lookup(method: DescMethod): RegisteredMethod | undefined {
    return this.#methods.get(pathOf(method));
  }

  /** Whether a service of this name has methods here. */
  hasService(typeName: string): boolean {
    return this.#services.has(typeName);
  }

  #add(method: DescMethod, implementation: Implementation, own: ServiceOptions | undefined): void {
    const path = pathOf(method);
    if (this.#methods.has(path)) {
      throw new Error(`Cannot register ${path}: it is registered already`);
    }
    const { interceptors, binaryOptions, jsonOptions } = { ...this.#options, ...own };
    this.#services.add(method.parent.typeName);
    this.#methods.set(path, {
      service: method.parent,
      method,
      path,
      invocation: createInvocation(method, implementation, interceptors ?? []),
      proto: { input: binaryCodec(method.input, binaryOptions), output: binaryCodec(method.output, binaryOptions) },
      json: { input: jsonCodec(method.input, jsonOptions), output: jsonCodec(method.output, jsonOptions) },
    });
  }
}

function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`;
}

function isMethod(value: unknown): value is Implementation {
  return typeof value === "function";
}

/** A method that pushes has no `this`, and what is bound does not show any more that it pushes. */
function bound(method: Implementation, implementation: object): Implementation {
  return writingImplOf(method) === undefined ? method.bind(implementation) : method;
}

function unimplemented(method: DescMethod): () => never {
  return () => {
    throw new ConnectError(`${method.parent.typeName}.${method.name} is not implemented`, Code.Unimplemented);
  };
}
