/** The two Greeters: the lecture's without a package, and its twin in `edgewire.v1`. */
import type { ServiceImpl } from "@connectrpc/connect";
import type { Greeter as LectureGreeter } from "../../gen/hello_pb.ts";
import type { Greeter } from "../../gen/edgewire/v1/greeter_pb.ts";

function sayHello(request: { readonly name: string }): { message: string } {
  return { message: `Hello, ${request.name}!` };
}

/** `Greeter` of `hello.proto`. */
export const lectureGreeter: ServiceImpl<typeof LectureGreeter> = { sayHello };

/** `edgewire.v1.Greeter`. */
export const greeter: ServiceImpl<typeof Greeter> = {
  sayHello,
  async *converse(requests) {
    for await (const request of requests) {
      yield sayHello(request);
    }
  },
};
