import { afterAll, beforeAll, expect, test } from "vitest";
import { workspace, type Workspace } from "../support/cli.ts";

let empty: Workspace;
beforeAll(() => {
  empty = workspace();
});
afterAll(() => empty.remove());

const COMMANDS = [
  "run",
  "validate",
  "graph",
  "status",
  "emit",
  "events",
  "runs",
  "show",
  "logs",
  "replay",
  "cancel",
  "pause",
  "resume",
  "schema",
];

test("--version prints the version", async () => {
  expect(await empty.sluice(["--version"])).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
  });
});

test("--help names every command, with examples and exit codes", async () => {
  const { code, stdout } = await empty.sluice(["--help"]);
  expect(code).toBe(0);
  for (const command of COMMANDS) expect(stdout).toMatch(new RegExp(`^ {2}${command} `, "m"));
  expect(stdout).toContain("Examples:");
  expect(stdout).toContain("Exit codes: 0 done, 1 failed, 2 invalid input or config, 3 nothing to talk to.");
});

test.each([[["help", "replay"]], [["replay", "--help"]]])(
  "%j tells of the command and its options",
  async (argv) => {
    const { code, stdout } = await empty.sluice(argv);
    expect(code).toBe(0);
    for (const option of [
      "--state",
      "--process",
      "--dry-run",
      "--json",
      "--config",
      "--journal",
      "--url",
      "--token",
    ]) {
      expect(stdout).toContain(option);
    }
  },
);

test("no command at all prints the help to stderr", async () => {
  expect(await empty.sluice([])).toMatchObject({
    code: 2,
    stdout: "",
    stderr: expect.stringContaining("Usage: sluice"),
  });
});

test.each([
  [["valdate"], "Did you mean validate?"],
  [["frobnicate"], "unknown command 'frobnicate'"],
  [["runs", "--stat", "dead"], "Did you mean --state?"],
  [["run", "a.toml", "b.toml"], "too many arguments"],
  [["emit"], "missing required argument 'input'"],
  [["cancel"], "missing required argument 'run'"],
  [["graph", "--format", "gif"], "Allowed choices are mermaid, dot, svg, json"],
  [["emit", "orders", "--data", "{"], "--data is not JSON"],
  [["emit", "orders", "--data", "@none.json"], "none.json cannot be read"],
  [["show", "nonsense"], "neither the uid of an event"],
  [["replay"], "say what to replay"],
  [["replay", "a/b", "--state", "dead"], "but not both"],
  [["runs", "--url", "nonsense"], "--url takes a URL"],
  [["runs", "--config", "none.toml"], "none.toml:1:1: CONFIG_NOT_FOUND"],
])("%j is a mistake of the caller", async (argv, message) => {
  const { code, stdout, stderr } = await empty.sluice(argv);
  expect(stderr).toContain(message);
  expect(code).toBe(2);
  expect(stdout).toBe("");
});

test.each([
  ["status"],
  ["runs"],
  ["emit", "orders"],
  ["show", "0193c0de-0000-7000-8000-000000000001"],
  ["pause", "orders"],
])("%s without a pipeline has nothing to talk to", async (...argv) => {
  const { code, stderr } = await empty.sluice(argv);
  expect(stderr).toMatch(
    /^error: NOTHING_TO_TALK_TO there is no journal .*; start the pipeline with "sluice run"\n$/,
  );
  expect(code).toBe(3);
});

test("a URL where nobody listens is nothing to talk to, even in the folder of a pipeline", async () => {
  const { code, stderr } = await empty.sluice(["runs", "--url", "http://127.0.0.1:9"]);
  expect(stderr).toContain("nothing answers at http://127.0.0.1:9");
  expect(code).toBe(3);
});
