/** A program that logs stray errors, makes one of each kind, and says that it goes on. */
import { configureLogging, logStrayErrors } from "../../src/ops/mod.ts";

await configureLogging("error");
logStrayErrors();
Promise.reject(new Error("stray rejection"));
setTimeout(() => {
  throw new Error("stray error");
});
await new Promise((resolve) => setTimeout(resolve, 50));
console.log("goes on");
