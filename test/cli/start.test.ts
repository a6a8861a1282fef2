import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { isForeign, isSource } from "../../src/cli/develop.ts";
import { PIPELINE, until, workspace, type Workspace } from "../support/cli.ts";
import { installSluice, runNodeTests } from "../support/installed.ts";

const MAIN = new URL("../../src/cli/main.ts", import.meta.url).pathname;

let shop: Workspace;
beforeEach(() => {
  shop = workspace(PIPELINE);
});
afterEach(() => shop.remove());

describe("init", () => {
  test("makes a pipeline that is valid, asks nothing, and touches nothing the second time", async () => {
    expect((await shop.sluice(["init", "first"])).code).toBe(0);
    const { code, stdout } = await shop.sluice(["validate", "first/sluice.toml"]);
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringContaining("1 input, 1 process, 1 link"),
    });
    writeFileSync(join(shop.folder, "first/processes/greet.ts"), "mine");
    expect(await shop.sluice(["init", "first"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("is there already"),
    });
    expect(readFileSync(join(shop.folder, "first/processes/greet.ts"), "utf8")).toBe("mine");
  });
});

describe("create", () => {
  test("and init make tests that hold at once", { timeout: 60_000 }, async () => {
    expect((await shop.sluice(["init", "first"])).code).toBe(0);
    const folder = join(shop.folder, "first");
    installSluice(folder);
    const config = ["--config", "first/sluice.toml"];
    expect((await shop.sluice(["create", "input", "sensors", ...config])).code).toBe(0);
    expect((await shop.sluice(["create", "process", "store", "--on", "sensors", ...config])).code).toBe(0);
    expect((await shop.sluice(["validate", "first/sluice.toml"])).code).toBe(0);
    const { code, said } = await runNodeTests(folder);
    expect({ code, said }).toEqual({ code: 0, said: expect.stringMatching(/^. pass (2[5-9]|[3-9]\d)$/m) });
    for (const what of ["an input passes on", "a process succeeds on"]) expect(said).toContain(what);
  });

  test("leaves what is there alone, and makes nothing beside it", async () => {
    mkdirSync(join(shop.folder, "inputs"));
    shop.write("inputs/sensors.test.ts", "mine");
    expect(await shop.sluice(["create", "input", "sensors"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("sensors.test.ts is there already"),
    });
    expect(existsSync(join(shop.folder, "inputs/sensors.ts"))).toBe(false);
  });

  test("adds an input and a process, each with a module that loads", async () => {
    expect((await shop.sluice(["create", "input", "sensors"])).code).toBe(0);
    expect(await shop.json(["create", "process", "store", "--on", "sensors"])).toEqual({
      module: "processes/store.ts",
      config: "sluice.toml",
    });
    expect((await shop.sluice(["validate"])).stdout).toContain("2 inputs, 3 processes, 3 links");
  });

  test("a process takes the events of the only input without being told", async () => {
    await shop.sluice(["create", "process", "store"]);
    expect(readFileSync(join(shop.folder, "sluice.toml"), "utf8")).toMatch(
      /name = "store"[^[]*on = "orders"/,
    );
  });

  test.each([
    ["a name that is taken", ["process", "land"]],
    ["a name that is none", ["process", "a/../b"]],
    ["nobody to take events of", ["process", "store", "--on", "nobody"]],
    ["an input that is to take events", ["input", "more", "--on", "orders"]],
  ])("with %s changes nothing", async (_, argv) => {
    expect((await shop.sluice(["create", ...argv])).code).toBe(2);
    expect(readFileSync(join(shop.folder, "sluice.toml"), "utf8")).toBe(PIPELINE);
    expect((await shop.sluice(["validate"])).code).toBe(0);
  });
});

describe("dev", () => {
  function develop(): { child: ChildProcess; lines: Interface } {
    const child = spawn(process.execPath, [MAIN, "dev", "--json"], { cwd: shop.folder });
    child.stderr.resume();
    onTestFinished(async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill();
      await once(child, "close");
    });
    return { child, lines: createInterface({ input: child.stdout }) };
  }

  test(
    "starts anew with the new module when it is saved, recovers from a broken file, and ends with a signal",
    { timeout: 30_000 },
    async () => {
      const { child, lines } = develop();
      await once(lines, "line");
      shop.write("land.ts", 'export default (event, { log }) => log("the new one");');
      await once(lines, "line");
      const { uid } = await shop.api<{ uid: string }>("POST", "inputs/orders/events", {});
      const run = encodeURIComponent(`${uid}/land`);
      await expect
        .poll(async () => (await shop.api<{ state: string }>("GET", `runs/${run}`)).state, {
          timeout: 10_000,
        })
        .toBe("succeeded");
      const logs = await shop.api<{ items: { text: string }[] }>("GET", `runs/${run}/logs`);
      expect(logs.items).toMatchObject([{ text: "the new one" }]);

      const ended = once(child.stderr as NodeJS.ReadableStream, "data");
      shop.write("sluice.toml", "this is no TOML");
      await ended;
      shop.write("sluice.toml", PIPELINE);
      await once(lines, "line");
      child.kill("SIGTERM");
      const [code] = (await once(child, "close")) as [number | null];
      expect(code).toBe(0);
    },
  );

  test("that is killed takes its pipeline with it", async () => {
    const { child, lines } = develop();
    await once(lines, "line");
    expect(await shop.api("GET", "pipeline")).toMatchObject({ state: "running" });
    child.kill("SIGKILL");
    await until(async () =>
      shop.api("GET", "pipeline").then(
        () => false,
        () => true,
      ),
    );
  });

  test.each([
    ["land.ts", true],
    ["sub/query.sql", true],
    ["sluice.toml", true],
    ["pipeline.json", true],
    ["data/orders.json", false],
    ["orders.csv", false],
    ["run.log", false],
  ])("of %j is started anew for, rather than taken for data: %j", (path, source) => {
    expect(isSource(path, "./pipeline.json")).toBe(source);
  });

  test("a file that is not there is told", async () => {
    expect((await shop.sluice(["dev", "none.toml"])).code).toBe(2);
  });

  test.each([
    [".sluice/journal.db-wal", true],
    ["node_modules/x/index.js", true],
    ["processes/.land.ts.swp", true],
    ["land.ts~", true],
    ["land.ts", false],
    ["", false],
    ["processes/deep/land.ts", false],
  ])("of %j is watched unless it is foreign: %j", (path, foreign) => {
    expect(isForeign(path)).toBe(foreign);
  });
});

describe("run", () => {
  test.each([
    ["container", "dockerode"],
    ["kubernetes", "@kubernetes/client-node"],
  ])(
    "refuses at once to start a %s process that lacks its client, and says what to install: %s",
    async (type, client) => {
      const without = `import { registerHooks } from "node:module";
      registerHooks({ resolve(specifier, context, next) {
        if (specifier === "${client}") throw Object.assign(new Error("not installed"), { code: "ERR_MODULE_NOT_FOUND" });
        return next(specifier, context);
      } });`;
      shop.write(
        "sluice.toml",
        `${PIPELINE}[[process]]\nname = "box"\ntype = "${type}"\nimage = "a"\non = "orders"\n`,
      );
      const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(without)}` };
      expect(await shop.sluice(["run"], { env })).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(
          new RegExp(`MISSING_DEPENDENCY process "box": .*npm install ${client}\\n$`),
        ),
      });
    },
  );
});
