/** An echo on `Deno.serve`, as a peer to compare with: `deno_serve.ts PORT`. */
Deno.serve(
  { hostname: "127.0.0.1", port: Number(Deno.args[0]), onListen: () => console.log("ready") },
  async (request) => new Response(await request.bytes(), { headers: { "content-type": "application/proto" } }),
);
