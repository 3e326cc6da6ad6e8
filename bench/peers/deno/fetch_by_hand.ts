/** What a unary Connect call needs at least, by hand, as a fetch handler. `serve_fetch.ts` serves it, and runtimes of edges. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { HelloReplySchema, HelloRequestSchema } from "../../../gen/hello_pb.ts";

const HEADERS = { "content-type": "application/proto" };

export default {
  async fetch(request: Request): Promise<Response> {
    const { name } = fromBinary(HelloRequestSchema, new Uint8Array(await request.arrayBuffer()));
    const reply = create(HelloReplySchema, { message: `Hello, ${name}!` });
    return new Response(toBinary(HelloReplySchema, reply), { headers: HEADERS });
  },
};
