// Who may import whom: docs/decisions/0001 gives the reasons. `scripts/check.ts` runs it and makes sure that modules
// were found at all: without a parser that knows our TypeScript, it cruises nothing and reports success.

import swcVisitor from "@swc/core/Visitor.js";

// The parser knows `using`, its visitor does not: without this every file with one ends the cruise.
const { prototype } = swcVisitor.Visitor ?? swcVisitor;
const visitStatement = prototype.visitStatement;
prototype.visitStatement = function (statement) {
  if (statement.type !== "UsingDeclaration") return visitStatement.call(this, statement);
  statement.decls = this.visitVariableDeclarators(statement.decls);
  return statement;
};

/** For each room of the house, the rooms (or single files) that it may import besides itself. */
const PORTS = ["journal/work.ts", "journal/history.ts", "journal/coordination.ts", "journal/journal.ts"];
/** What the orchestrator shows. `orchestrator.journal` and `.history` are ports themselves: their types belong to it. */
const ENGINE_FACE = [
  "engine/orchestrator.ts",
  "engine/handles.ts",
  "engine/rows.ts",
  "engine/diagnostics.ts",
];
const ROOMS = {
  model: [],
  topology: ["model/"],
  journal: ["model/"],
  engine: ["model/", "topology/", ...PORTS],
  postgres: ["model/"],
  kafka: ["model/", "options/"],
  options: ["model/"],
  net: ["model/", "options/"],
  child: ["model/", "options/"],
  config: ["model/", "options/", "topology/", ...ENGINE_FACE],
  http: ["model/", ...ENGINE_FACE, "journal/history.ts", "journal/journal.ts"],
  client: [
    "model/",
    "topology/types.ts",
    "journal/history.ts",
    "engine/handles.ts",
    "engine/rows.ts",
    "http/stream/",
  ],
  observe: ["model/", "net/", ...ENGINE_FACE, "engine/system.ts", "journal/diagnostics.ts"],
};
const SHARED_BY_KINDS = ["model/", "options/", "postgres/", "kafka/", "net/", "child/"];

const TEST = "\\.test(-d|-helper)?\\.ts$";
const literal = (path) => path.replaceAll(".", "\\.");
const among = (paths) => paths.map((path) => `^src/${literal(path)}`);

const rooms = Object.entries(ROOMS).map(([room, others]) => ({
  name: `${room}-imports-only-what-it-may`,
  severity: "error",
  comment: `src/${room} may import ${others.length === 0 ? "nothing but itself" : others.join(", ")}.`,
  from: { path: `^src/${room}/`, pathNot: TEST },
  to: { path: "^src/", pathNot: [`^src/${room}/`, ...among(others)] },
}));

const kinds = ["inputs", "processes"].map((folder) => ({
  name: `${folder}-are-islands`,
  severity: "error",
  comment: "A kind may import the model and what kinds share, never a sibling.",
  from: { path: `^src/${folder}/([^/.]+)`, pathNot: TEST },
  to: { path: "^src/", pathNot: [`^src/${folder}/$1[./]`, ...among(SHARED_BY_KINDS)] },
}));

export default {
  forbidden: [
    ...rooms,
    ...kinds,
    {
      name: "model-stands-alone",
      severity: "error",
      comment: "The model is types and pure functions: no package and no part of Node.",
      from: { path: "^src/model/", pathNot: TEST },
      to: { pathNot: "^src/" },
    },
    {
      name: "no-production-imports-testing",
      severity: "error",
      from: { path: "^src/", pathNot: ["^src/testing/", TEST] },
      to: { path: "^src/testing/" },
    },
    {
      name: "cli-is-the-root",
      severity: "error",
      comment: "Only the command line's own files import it.",
      from: { path: "^src/", pathNot: ["^src/cli/", TEST] },
      to: { path: "^src/cli/" },
    },
    {
      name: "page-talks-http",
      severity: "error",
      comment:
        "The page knows the server by its HTTP API only, through sluice/client; the model's types may name what comes over it.",
      from: { path: "^ui/src/" },
      to: { path: "^(src|test|bench|scripts|examples)/", pathNot: ["^src/model/", "^src/client/"] },
    },
    {
      name: "entry-is-for-users",
      severity: "error",
      comment: "src/index.ts is what users import; inside, import the file that has it.",
      from: { path: "^src/", pathNot: ["^src/index\\.ts$", "^src/testing/", TEST] },
      to: { path: "^src/index\\.ts$" },
    },
    {
      name: "no-cycles",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    {
      name: "no-unresolvable",
      severity: "error",
      from: {},
      to: { couldNotResolve: true, pathNot: "^sluice(/|$)" },
    },
    {
      name: "no-development-dependency-in-production",
      severity: "error",
      comment: "What is published may only need dependencies and (optional) peers.",
      from: { path: "^src/", pathNot: TEST },
      to: {
        dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown"],
        dependencyTypesNot: ["npm-peer", "npm-optional", "type-only"],
      },
    },
  ],
  options: {
    parser: "swc",
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    doNotFollow: { path: ["node_modules", "^dist/"] },
    exclude: { path: "(^|/)\\.data/" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "default", "types"],
    },
  },
};
