/** A fetch handler, bundled as for edges, on Bun: `serve_fetch.mjs MODULE PORT`. */
const [path, port] = Bun.argv.slice(2);
const { default: { fetch } } = await import(path);
Bun.serve({ hostname: "127.0.0.1", port: Number(port), development: false, fetch: (request) => fetch(request) });
console.log("ready");
