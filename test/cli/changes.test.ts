import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { AppliedPlan, PipelinePlan } from "../../src/model/pipeline-plan.ts";
import { PIPELINE, until, workspace, type Workspace } from "../support/cli.ts";

const WITHOUT_REPORT = PIPELINE.slice(0, PIPELINE.indexOf('[[process]]\nname = "report"'));

let shop: Workspace;
beforeAll(async () => {
  shop = workspace();
  await shop.run();
});
afterAll(() => shop.remove());

describe("plan", { timeout: 60_000 }, () => {
  test("prints what would change, for people and as JSON, and changes nothing", async () => {
    shop.write("next.toml", PIPELINE.replace("retry = { attempts = 1 }", "retry = { attempts = 2 }"));
    const { stdout, code } = await shop.sluice(["plan", "next.toml"]);
    expect({ stdout, code }).toEqual({
      code: 0,
      stdout: '~ process land (function)\n    retry: {"attempts":1} → {"attempts":2}\n',
    });
    const plan = await shop.json<PipelinePlan>(["plan", "next.toml"]);
    expect(plan).toMatchObject({ version: 1, changes: [{ action: "change", name: "land" }], undecided: [] });
    expect(await shop.sluice(["plan"])).toMatchObject({ code: 0, stdout: "nothing changes\n" });
  });

  test("says FILE:LINE:COL for what is wrong with a file, and ends with 2", async () => {
    shop.write("wrong.toml", PIPELINE.replace('on = "orders"', 'on = "order"'));
    const { code, stderr } = await shop.sluice(["plan", "wrong.toml"]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/wrong\.toml:13:6: UNKNOWN_NAME .*did you mean "orders"/);
    expect(await shop.sluice(["plan", "nowhere.toml"])).toMatchObject({ code: 2 });
    expect(await shop.sluice(["plan", "next.toml", "--rollback", "1"])).toMatchObject({ code: 2 });
    expect(await shop.sluice(["plan", "--rollback", "one"])).toMatchObject({ code: 2 });
  });
});

describe("apply", { timeout: 60_000 }, () => {
  test("asks what becomes of open runs, and does as it is told", async () => {
    shop.write("without.toml", WITHOUT_REPORT);
    await shop.sluice(["pause", "report"]);
    const uid = (await shop.json<{ uid: string }>(["emit", "orders"])).uid;
    await until(async () => (await shop.api<{ openRuns: number }>("GET", "pipeline")).openRuns === 1);
    const planned = await shop.sluice(["plan", "without.toml"]);
    expect(planned.stdout).toContain("- process report (function): 1 open run, 0 of them running\n");
    expect(planned.stderr).toContain("--drain");
    const refused = await shop.sluice(["apply", "without.toml"]);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("OPEN_RUNS") });
    expect(await shop.sluice(["apply", "without.toml", "--drain", "--cancel"])).toMatchObject({ code: 2 });
    const applied = await shop.json<AppliedPlan>(["apply", "without.toml", "--cancel"]);
    expect(applied).toMatchObject({ version: 2, changed: true, leaving: ["report"] });
    await until(async () => (await shop.api<{ openRuns: number }>("GET", "pipeline")).openRuns === 0);
    const { caused } = await shop.json<{ caused: { uid: string }[] }>(["show", uid]);
    const { runs } = await shop.json<{ runs: { state: string }[] }>(["show", caused[0]?.uid ?? ""]);
    expect(runs).toMatchObject([{ state: "cancelled" }]);
  });

  test("goes back to a version", async () => {
    const { stdout, code } = await shop.sluice(["apply", "--rollback", "1"]);
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^\+ process report \(function\)\n[^]*version 3 runs\n$/),
    });
    expect(await shop.sluice(["apply", "--rollback", "77"])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("there is no version 77; the journal keeps 3, 2, 1"),
    });
  });

  test("of a module that throws leaves everything, and says why", async () => {
    shop.write("broken.ts", "throw new Error('not today');");
    shop.write("next.toml", PIPELINE.replace("./land.ts", "./broken.ts"));
    const { code, stderr } = await shop.sluice(["apply", "next.toml"]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/MODULE_NOT_FOUND process "land": .*not today/);
    const { version } = await shop.api<{ version: number }>("GET", "pipeline");
    expect(version).toBe(3);
  });

  test("cannot take a module for a file", async () => {
    shop.write("pipeline.ts", "export default {};");
    const { code, stderr } = await shop.sluice(["apply", "pipeline.ts", "--config", "sluice.toml"]);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining("is a module") });
  });
});

describe("a pipeline that the API manages", () => {
  test(
    "starts with what was applied last, under its file's own top, and says so if it cannot",
    { timeout: 120_000 },
    async () => {
      const managed = workspace(`managed_by = "api"\n${PIPELINE}`);
      try {
        const first = await managed.run();
        const applied = WITHOUT_REPORT.replace(
          'name = "land"',
          'name = "land"\nlabels = { by = "${env:LABEL}" }',
        );
        managed.write("next.toml", applied);
        const unset = await managed.sluice(["apply", "next.toml", "--drain"]);
        expect(unset).toMatchObject({ code: 2, stderr: expect.stringContaining("UNSET_REFERENCE") });
        managed.write("next.toml", WITHOUT_REPORT);
        expect(await managed.sluice(["apply", "next.toml", "--drain"])).toMatchObject({
          code: 0,
          stderr: "",
        });
        await first.stop();
        expect(await managed.sluice(["plan", "next.toml"])).toMatchObject({ code: 3 });

        managed.write(
          "sluice.toml",
          `managed_by = "api"\ngrace = "3s"\n${PIPELINE.replace('grace = "2s"\n', "")}`,
        );
        const second = await managed.run();
        const told = await managed.api<{ version: number; config: { grace: string; process: object[] } }>(
          "GET",
          "pipeline",
        );
        expect(told).toMatchObject({ version: 2, config: { grace: "3s", process: [{ name: "land" }] } });
        expect(await managed.sluice(["apply", "sluice.toml"])).toMatchObject({ code: 0 });
        const { stderr } = await second.stop();
        expect(stderr).toContain("the version that was applied last is taken");

        // The file of the last version goes away: nobody falls back to another one in silence.
        const third = await managed.run({ env: { LABEL: "me" } });
        managed.write("next.toml", applied);
        expect(await managed.sluice(["apply", "next.toml", "--drain"])).toMatchObject({ code: 0 });
        await third.stop();
        const failed = await managed.sluice(["run"]);
        expect(failed).toMatchObject({
          code: 2,
          stderr: expect.stringMatching(/version 4 .*UNSET_REFERENCE|UNSET_REFERENCE/),
        });
      } finally {
        await managed.remove();
      }
    },
  );
});
