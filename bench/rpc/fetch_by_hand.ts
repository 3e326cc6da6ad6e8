/** A handler on `Deno.serve` that does by hand what a unary Connect call needs at least: `fetch_by_hand.ts PORT`. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { HelloReplySchema, HelloRequestSchema } from "../../gen/hello_pb.ts";

const HEADERS = { "content-type": "application/proto" };

Deno.serve(
  { hostname: "127.0.0.1", port: Number(Deno.args[0]), onListen: () => console.log("ready") },
  async (request) => {
    const { name } = fromBinary(HelloRequestSchema, await request.bytes());
    const reply = create(HelloReplySchema, { message: `Hello, ${name}!` });
    return new Response(toBinary(HelloReplySchema, reply), { headers: HEADERS });
  },
);
