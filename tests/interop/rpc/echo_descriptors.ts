/** Makes of `echo.proto` what programs read at run time. */
import { buildDescriptors, type Descriptors } from "../descriptors.ts";

/** Where `echo.proto` is. */
export const ECHO_PROTO = new URL("echo.proto", import.meta.url).pathname;

/** See the top of the file. */
export function buildEchoDescriptors(): Promise<Descriptors> {
  return buildDescriptors(ECHO_PROTO);
}
