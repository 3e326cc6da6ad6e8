/** Edgewire's fetch handler on `Deno.serve`: `edgewire_fetch.ts PORT`. */
import { createFetchHandler } from "../../mod.ts";
import { Greeter } from "../../gen/hello_codec.ts";

const handler = createFetchHandler({
  routes: (router) => router.service(Greeter, { sayHello: ({ name }) => ({ message: `Hello, ${name}!` }) }),
});
Deno.serve(
  { hostname: "127.0.0.1", port: Number(Deno.args[0]), onListen: () => console.log("ready") },
  (request) => handler(request),
);
