import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { root, run } from "../../scripts/run.ts";
import type { SampleRequest, Scenario } from "../scenario.ts";

const starting =
  (argv: (folder: string) => readonly string[]) =>
  (folder: string): SampleRequest => ({
    program: "programs/start.ts",
    options: { argv: argv(folder), times: 5 },
  });

export const scenario: Scenario = {
  name: "Q",
  title: "from dist: import of sluice, and the command line's --version, over bare Node",
  async prepare(folder) {
    const { code } = await run("node", ["scripts/build.ts"], { keep: true });
    if (code !== 0) throw new Error("the build failed; see npm run build");
    await writeFile(`${folder}/nothing.mjs`, "");
    const entry = pathToFileURL(join(root, "dist/index.js")).href;
    await writeFile(`${folder}/import.mjs`, `import ${JSON.stringify(entry)};`);
  },
  samples: {
    bare: starting((folder) => [`${folder}/nothing.mjs`]),
    import: starting((folder) => [`${folder}/import.mjs`]),
    version: starting(() => [join(root, "dist/cli/main.js"), "--version"]),
    packages: async () => ({ packages: await countPackages() }),
  },
  measures: [
    {
      label: "import, over bare Node",
      unit: "ms",
      digits: 0,
      of: (value) => value("import", "median") - value("bare", "median"),
      aim: { atMost: 60 },
    },
    {
      label: "sluice --version, over bare Node",
      unit: "ms",
      digits: 0,
      of: (value) => value("version", "median") - value("bare", "median"),
      aim: { atMost: 150 },
    },
    {
      label: "packages installed without peers",
      unit: "",
      digits: 0,
      of: (value) => value("packages", "packages"),
      aim: { atMost: 45 },
    },
    { label: "bare Node", unit: "ms", digits: 0, of: (value) => value("bare", "median") },
  ],
};

interface LockedPackage {
  readonly dev?: boolean;
  readonly devOptional?: boolean;
  readonly optional?: boolean;
  readonly peer?: boolean;
}

/** What `npm install sluice` brings, itself included: all that the lock file has for production. */
async function countPackages(): Promise<number> {
  const lock = JSON.parse(await readFile(join(root, "package-lock.json"), "utf8")) as {
    readonly packages: Readonly<Record<string, LockedPackage>>;
  };
  return Object.values(lock.packages).filter(
    ({ dev, devOptional, optional, peer }) => !(dev || devOptional || optional || peer),
  ).length;
}
