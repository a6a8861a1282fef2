// Dead code: files, exports and dependencies that nothing uses. What package.json exports is used by others.
import type { KnipConfig } from "knip";
import manifest from "./package.json" with { type: "json" };

const targets = [
  ...Object.values(manifest.bin),
  ...Object.values(manifest.exports).map((entry) => (typeof entry === "string" ? entry : entry.default)),
];
const published = targets
  .filter((target) => target.endsWith(".js"))
  .map((target) => target.replace(/^(?:\.\/)?dist\//, "src/").replace(/\.js$/, ".ts"));

const config: KnipConfig = {
  entry: [
    ...published,
    "src/**/thread.ts",
    "scripts/*.ts",
    "ui/src/main.tsx",
    "ui/vite.config.ts",
    "examples/*/*.ts",
    "bench/programs/*.ts",
    "bench/peers/*.ts",
    "bench/**/*.worker.ts",
    "test/**/*.{test,test-d}.ts",
    "test/support/build-kubernetes.ts",
  ],
  project: ["{src,scripts,bench,examples,test}/**/*.ts", "ui/**/*.{ts,tsx}"],
  ignoreExportsUsedInFile: true,
  // Programs that tests run are the system's own.
  exclude: ["binaries"],
  ignoreDependencies: [
    // Run by scripts/check.ts.
    "@arethetypeswrong/cli",
    "dependency-cruiser",
    "oxlint",
    "oxlint-tsgolint",
    "publint",
    // Put into the page by a test, as a file.
    "axe-core",
    // Not used yet: each line goes with the commit that uses it.
  ],
};

export default config;
