/**
 * The lint rules of this repository: imports go along the arrows of `rooms.ts` and through doors, and error messages are of one style.
 */
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { EDGE_ENTRIES, EDGE_ROOMS, ROOMS } from "./rooms.ts";

const ROOT = join(import.meta.dirname!, "..");

/** Where a file is: in a room (at a path within it), at the composition level, or somewhere with rules of its own. */
interface Place {
  /** From the root of the repository. */
  readonly path: string;
  /** Undefined outside of rooms. */
  readonly room: string | undefined;
}

function placeOf(path: string): Place {
  const [top, room, ...rest] = path.split("/");
  return { path, room: top === "src" && rest.length > 0 ? room : undefined };
}

/**
 * What is wrong with an import, in words; undefined when nothing is. Both paths are from the root of the repository.
 */
export function importProblem(importer: string, imported: string): string | undefined {
  const from = placeOf(importer);
  const to = placeOf(imported);
  const [fromTop, toTop] = [importer.split("/")[0]!, imported.split("/")[0]!];
  if (["tests", "bench", "tools"].includes(fromTop)) {
    return undefined;
  }
  if (fromTop === "web") {
    return toTop === "web" || toTop === "gen" ? undefined : "The page may import the stubs only";
  }
  if (to.room !== undefined && to.room !== from.room) {
    return doorProblem(from, to, to.room);
  }
  if (from.room === undefined) {
    return undefined;
  }
  const room = ROOMS[from.room];
  if (room === undefined) {
    return `The room "${from.room}" is not in tools/rooms.ts`;
  }
  if (toTop === "gen") {
    return room.stubs ? undefined : `The room "${from.room}" may not import the stubs`;
  }
  return to.room === from.room
    ? undefined
    : `The room "${from.room}" may not import "${imported}": imports go downwards`;
}

function doorProblem(from: Place, to: Place, toRoom: string): string | undefined {
  if (!to.path.endsWith("/mod.ts")) {
    return `Import the room "${toRoom}" through its mod.ts`;
  }
  if (EDGE_ENTRIES.includes(from.path) && (!EDGE_ROOMS.includes(toRoom) || to.path !== `src/${toRoom}/mod.ts`)) {
    return `${from.path} may not import "${to.path}": an edge may not have what it needs`;
  }
  if (from.room !== undefined && !ROOMS[from.room]?.imports.includes(toRoom)) {
    return `The room "${from.room}" may not import the room "${toRoom}"`;
  }
  return undefined;
}

/** What is wrong with the beginning and the end of an error message, in words; undefined when nothing is. */
export function messageProblem(errorName: string, start: string, end: string): string | undefined {
  if (end.endsWith(".")) {
    return "Error messages have no period at the end";
  }
  if (errorName === "ConnectError") {
    return /^[A-Z][a-z]/.test(start) && !isTypeName(start)
      ? "Messages of ConnectError begin in lower case, as Connect's do"
      : undefined;
  }
  return /^[a-z]/.test(start) ? "Error messages begin with a capital letter" : undefined;
}

/** Whether a text begins with a name like "HelloRequest" or "gRPC", which keeps its capitals. */
function isTypeName(text: string): boolean {
  return /^[A-Z][a-z]+[A-Z]/.test(text);
}

const ERROR_NAMES = ["Error", "TypeError", "RangeError", "SyntaxError", "ConnectError"];

const plugin: Deno.lint.Plugin = {
  name: "edgewire",
  rules: {
    "room-imports": {
      create(context) {
        const importer = relative(ROOT, context.filename);
        const check = (source: Deno.lint.Node | null) => {
          if (source?.type !== "Literal" || typeof source.value !== "string" || !/^(\.|file:)/.test(source.value)) {
            return;
          }
          const target = source.value.startsWith("file:")
            ? fileURLToPath(source.value)
            : join(dirname(context.filename), source.value);
          const problem = importProblem(importer, relative(ROOT, target));
          if (problem !== undefined) {
            context.report({ node: source, message: problem });
          }
        };
        return {
          ImportDeclaration: (node) => check(node.source),
          ExportNamedDeclaration: (node) => check(node.source),
          ExportAllDeclaration: (node) => check(node.source),
          ImportExpression: (node) => check(node.source),
        };
      },
    },
    "error-message": {
      create(context) {
        if (!relative(ROOT, context.filename).startsWith("src/")) {
          return {};
        }
        return {
          NewExpression(node) {
            const message = node.arguments[0];
            if (node.callee.type !== "Identifier" || !ERROR_NAMES.includes(node.callee.name) || message === undefined) {
              return;
            }
            const parts = message.type === "TemplateLiteral"
              ? message.quasis.map((quasi) => quasi.cooked)
              : message.type === "Literal" && typeof message.value === "string"
              ? [message.value]
              : [];
            const problem = messageProblem(node.callee.name, parts[0] ?? "", parts.at(-1) ?? "");
            if (problem !== undefined) {
              context.report({ node: message, message: problem });
            }
          },
        };
      },
    },
  },
};
export default plugin;
