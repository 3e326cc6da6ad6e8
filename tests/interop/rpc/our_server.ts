/** Our server, as a program that the clients of others talk to. See `task.ts`. */
import { serve } from "../../../mod.ts";
import { createEchoRoutes } from "./connect_routes.ts";
import { readEchoSchema } from "./echo_schema.ts";
import type { ServerTask } from "./task.ts";

const { descriptorsPath, certPath, keyPath }: ServerTask = JSON.parse(Deno.args[0] ?? "");
const tls = certPath === undefined || keyPath === undefined
  ? undefined
  : { cert: await Deno.readTextFile(certPath), key: await Deno.readTextFile(keyPath) };
const routes = createEchoRoutes(readEchoSchema(await Deno.readFile(descriptorsPath)));
const server = await serve({ routes, port: 0, tls });
Deno.addSignalListener("SIGTERM", async () => {
  await server.shutdown();
  Deno.exit(0);
});
console.log(`listening on ${new URL(server.url).port}`);
