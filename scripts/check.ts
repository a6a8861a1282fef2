// Everything that must hold besides the tests; stops at the first step that fails. CI runs the same.
import { run } from "./run.ts";

interface Step {
  readonly title: string;
  readonly command: string;
  readonly argv: readonly string[];
}

const STEPS: readonly Step[] = [
  { title: "format (mend it by `npm run format`)", command: "oxfmt", argv: ["--check"] },
  { title: "lint", command: "oxlint", argv: ["--type-aware", "--deny-warnings"] },
  { title: "types", command: "tsc", argv: ["-p", "tsconfig.json"] },
  { title: "types of the page", command: "tsc", argv: ["-p", "ui/tsconfig.json"] },
  { title: "who imports whom, and cycles", command: "node", argv: ["scripts/boundaries.ts"] },
  { title: "dead code", command: "knip", argv: ["--no-progress"] },
  { title: "build", command: "node", argv: ["scripts/build.ts"] },
  { title: "package: subpaths load, a pipeline runs from dist", command: "node", argv: ["scripts/smoke.ts"] },
  { title: "package: manifest and files", command: "publint", argv: ["--strict"] },
  {
    title: "package: types of every subpath",
    command: "attw",
    argv: ["--pack", ".", "--profile", "esm-only"],
  },
];

const began = performance.now();
for (const { title, command, argv } of STEPS) {
  const start = performance.now();
  const { code, output } = await run(command, argv, { keep: true });
  const took = `${((performance.now() - start) / 1_000).toFixed(1)} s`;
  if (code !== 0) {
    console.error(`✗ ${title} (${took})\n\n${output.trimEnd()}\n\ncheck failed: ${title}`);
    process.exit(1);
  }
  console.log(`✓ ${title} (${took})`);
}
console.log(`check passed in ${((performance.now() - began) / 1_000).toFixed(1)} s`);
