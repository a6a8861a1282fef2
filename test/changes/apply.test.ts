import { describe, expect, test } from "vitest";
import { pipelineChanged } from "../../src/engine/diagnostics.ts";
import { openPlace, openShop, type Shop } from "./shop.ts";

const TEXT = `name = "shop"
journal = "sqlite:journal.db"
grace = "1s"
[[input]]
name = "orders"
type = "feed"
[[process]]
name = "land"
type = "work"
tag = "one"
on = "orders"
[[process]]
name = "report"
type = "work"
on = "orders"
`;

const WITHOUT_LAND =
  TEXT.slice(0, TEXT.indexOf('[[process]]\nname = "land"')) +
  TEXT.slice(TEXT.indexOf('[[process]]\nname = "report"'));

const changed = (from: string, to: string): string => TEXT.replace(from, to);

function emit({ orchestrator }: Shop, id: string): Promise<{ uid: string }> {
  return orchestrator.emit("orders", { id });
}

/** The tag of the process that began the run of an event. */
function tagOf({ ledger }: Shop, uid: string, process = "land", attempt = 1): string | undefined {
  return ledger.attempts.get(`${uid}/${process}#${attempt}`);
}

async function codeOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => "nothing was thrown",
    (error: { code?: unknown }) => error.code,
  );
}

describe("an apply", () => {
  test("swaps what changed, and leaves the rest as it is, untouched", async () => {
    await using shop = await openShop(TEXT);
    await emit(shop, "1");
    await shop.orchestrator.idle();
    const applied = await shop.apply(changed('tag = "one"', 'tag = "two"'));
    expect(applied).toMatchObject({
      version: 2,
      changed: true,
      leaving: [],
      plan: {
        version: 1,
        changes: [
          {
            action: "change",
            role: "process",
            name: "land",
            options: [{ option: "tag", before: "one", after: "two" }],
          },
        ],
      },
    });
    const { uid } = await emit(shop, "2");
    const runs = await shop.orchestrator.settled(uid);
    expect(runs.map((run) => run.state)).toEqual(["succeeded", "succeeded"]);
    expect(tagOf(shop, uid)).toBe("two");
    const attempts = await shop.orchestrator.history.attempts(`${uid}/land`);
    expect(attempts.map((attempt) => attempt.version)).toEqual([2]);
    expect(shop.ledger.started.toSorted()).toEqual(["land:one", "land:two", "orders:", "report:"]);
    await expect.poll(() => shop.ledger.ended).toEqual(["land:one"]);
  });

  test("of what runs already changes nothing, and makes no version", async () => {
    await using shop = await openShop(TEXT);
    const spelled = TEXT.replace(
      'name = "orders"\ntype = "feed"',
      'type = "feed"\nname = "orders" # the same',
    );
    expect(await shop.apply(spelled)).toMatchObject({ version: 1, changed: false, plan: { changes: [] } });
    expect(shop.changes.versions()).toHaveLength(1);
  });

  test("lets an attempt that runs end with the process that it began with; what is queued takes the new one", async () => {
    const slow = changed('tag = "one"', 'tag = "one"\nheld = true\nconcurrency = 1');
    await using shop = await openShop(slow);
    const first = await emit(shop, "1");
    const second = await emit(shop, "2");
    await expect.poll(() => tagOf(shop, first.uid)).toBe("one");
    await shop.apply(changed('tag = "one"', 'tag = "two"\nconcurrency = 1'));
    // It counts against the new concurrency: the second waits.
    expect(shop.ledger.attempts.size).toBe(3);
    for (const letGo of shop.ledger.held) letGo();
    await shop.orchestrator.idle();
    expect(tagOf(shop, second.uid)).toBe("two");
    const versions = async (uid: string): Promise<readonly number[]> =>
      (await shop.orchestrator.history.attempts(`${uid}/land`)).map((attempt) => attempt.version);
    expect([await versions(first.uid), await versions(second.uid)]).toEqual([[1], [2]]);
  });

  test("ends a changed input before it starts the new one", async () => {
    await using shop = await openShop(TEXT);
    await expect.poll(() => shop.ledger.started).toContain("orders:");
    const applied = await shop.apply(changed('type = "feed"', 'type = "feed"\ntag = "new"'));
    expect(applied.plan.changes).toMatchObject([{ name: "orders", restarts: true }]);
    await expect.poll(() => shop.ledger.started).toContain("orders:new");
    expect(shop.ledger.ended).toEqual(["orders:"]);
    expect(shop.orchestrator.inputs()).toMatchObject([{ name: "orders", state: "running" }]);
  });

  test.each([
    ["a process that cannot be opened", changed('tag = "one"', 'tag = "two"\nbroken = true'), "RUN_FAILED"],
    [
      "an input whose source is not there",
      changed('type = "feed"', 'type = "feed"\nbroken = true'),
      "SOURCE_UNAVAILABLE",
    ],
    ["an option that there is not", changed('tag = "one"', 'tog = "two"'), "UNKNOWN_KEY"],
    ["a link to nothing", `${TEXT}[[link]]\nfrom = "orders"\nto = "lnd"\n`, "UNKNOWN_NAME"],
    [
      "a module that is not there",
      changed('type = "work"\ntag = "one"', 'type = "function"\nmodule = "./no.ts"'),
      "MODULE_NOT_FOUND",
    ],
    [
      "a module that throws",
      changed('type = "work"\ntag = "one"', 'type = "function"\nmodule = "./bad.ts"'),
      "MODULE_NOT_FOUND",
    ],
    ["an unset variable", changed('tag = "one"', 'tag = "${env:NOWHERE}"'), "UNSET_REFERENCE"],
    ["another name", changed('name = "shop"', 'name = "shoe"'), "INVALID_OPTIONS"],
  ])("with %s leaves the old pipeline as it was", async (_, text, code) => {
    await using shop = await openShop(TEXT);
    await shop.write("bad.ts", "throw new Error('broken at its top');");
    await emit(shop, "1");
    await shop.orchestrator.idle();
    const graph = shop.orchestrator.graph();
    const extra = text.replace('name = "report"', 'name = "report"\ntag = "other"');
    expect(await codeOf(shop.apply(extra))).toBe(code);
    expect(shop.orchestrator.graph()).toEqual(graph);
    const { uid } = await emit(shop, "2");
    await shop.orchestrator.settled(uid);
    expect(tagOf(shop, uid)).toBe("one");
    expect(shop.changes.version).toBe(1);
    expect(shop.changes.versions()).toHaveLength(1);
    // Whatever was opened for the apply was let go of.
    const isNew = (one: string): boolean => one === "report:other";
    expect(shop.ledger.started.filter(isNew)).toEqual(shop.ledger.ended.filter(isNew));
    expect(shop.ledger.started.filter((one) => one.startsWith("orders"))).toHaveLength(1);
  });

  test("needs to be told what becomes of open runs", async () => {
    await using shop = await openShop(changed('tag = "one"', "never = true"));
    const { uid } = await emit(shop, "1");
    await expect.poll(() => tagOf(shop, uid)).toBe("");
    await expect.poll(() => shop.orchestrator.journal.openRuns()).toBe(1);
    expect(await shop.plan(WITHOUT_LAND)).toMatchObject({
      undecided: ["land"],
      changes: [{ action: "remove", name: "land", openRuns: 1, running: 1 }, { role: "link" }],
    });
    expect(await codeOf(shop.apply(WITHOUT_LAND))).toBe("OPEN_RUNS");
    expect(await shop.apply(WITHOUT_LAND, { open: "cancel" })).toMatchObject({ leaving: ["land"] });
    await expect
      .poll(async () => (await shop.orchestrator.processes()).map(({ name }) => name))
      .toEqual(["report"]);
    expect(await shop.orchestrator.history.run(`${uid}/land`)).toMatchObject({ state: "cancelled" });
    await expect.poll(() => shop.plan({ rollback: 1 }).then((plan) => plan.changes.length)).toBe(2);
  });

  test("brings a process back that was still on its way out, and its runs with it", async () => {
    await using shop = await openShop(changed('tag = "one"', 'tag = "one"\nheld = true\nconcurrency = 1'));
    const first = await emit(shop, "1");
    const second = await emit(shop, "2");
    await expect.poll(() => tagOf(shop, first.uid)).toBe("one");
    await shop.apply({ edit: { remove: "process", name: "land" } }, { open: "drain" });
    expect(await shop.orchestrator.processes()).toMatchObject([
      { name: "land", state: "draining" },
      { name: "report" },
    ]);
    const third = await emit(shop, "3");
    await shop.apply(changed('tag = "one"', 'tag = "back"'));
    for (const letGo of shop.ledger.held) letGo();
    const fourth = await emit(shop, "4");
    await shop.orchestrator.idle();
    expect(await shop.orchestrator.processes()).toMatchObject([
      { name: "land", state: "running" },
      { name: "report" },
    ]);
    expect([second, third, fourth].map(({ uid }) => tagOf(shop, uid))).toEqual(["back", undefined, "back"]);
    expect(shop.errors).toEqual([]);
  });

  test("loads a module anew whose content changed", async () => {
    const text = changed('type = "work"\ntag = "one"', 'type = "function"\nmodule = "./land.ts"');
    await using place = await openPlace();
    await place.write("land.ts", `export default (_, { log }) => log("one");`);
    await using shop = await openShop(text, place);
    const logged = async (id: string): Promise<readonly string[]> => {
      const { uid } = await emit(shop, id);
      await shop.orchestrator.settled(uid);
      return (await shop.orchestrator.history.logs(`${uid}/land`, {})).items.map((line) => line.text);
    };
    expect(await logged("1")).toEqual(["one"]);
    await shop.write("land.ts", `export default (_, { log }) => log("two");`);
    expect(await logged("2")).toEqual(["one"]);
    const { plan } = await shop.apply(text);
    expect(plan.changes).toMatchObject([{ name: "land", options: [{ option: "files" }] }]);
    expect(await logged("3")).toEqual(["two"]);
  });

  test("tells which imports of a module have changed, and stay as they were loaded", async () => {
    const text = changed('type = "work"\ntag = "one"', 'type = "function"\nmodule = "./land.ts"');
    const land = (text: string): string =>
      `import { price } from "./price.ts"; export default (_, { log }) => log("${text} " + price);`;
    await using place = await openPlace();
    await place.write("price.ts", "export const price = 1;");
    await place.write("land.ts", land("one"));
    await using shop = await openShop(text, place);
    const logged = async (id: string): Promise<readonly string[]> => {
      const { uid } = await emit(shop, id);
      await shop.orchestrator.settled(uid);
      return (await shop.orchestrator.history.logs(`${uid}/land`, {})).items.map((line) => line.text);
    };
    expect(await logged("1")).toEqual(["one 1"]);
    await shop.write("land.ts", land("two"));
    expect((await shop.apply(text)).plan.warnings).toEqual([]);
    await shop.write("price.ts", "export const price = 2;");
    const stale = [expect.stringContaining('process "land" imports price.ts, which has changed')];
    expect(await shop.plan({ text, format: "toml" })).toMatchObject({ changes: [], warnings: stale });
    await shop.write("land.ts", land("three"));
    expect((await shop.apply(text)).plan.warnings).toEqual(stale);
    expect(await logged("2")).toEqual(["three 1"]);
    expect(await shop.plan({ text, format: "toml" })).toMatchObject({ warnings: stale });
    const isolated = text.replace('module = "./land.ts"', 'module = "./land.ts"\nisolate = "thread"');
    expect((await shop.apply(isolated)).plan.warnings).toEqual([]);
    expect(await logged("3")).toEqual(["three 2"]);
  });
});

describe("versions", () => {
  test("say who and when, and are gone back to", async () => {
    await using shop = await openShop(TEXT);
    await shop.apply(changed('tag = "one"', 'tag = "two"'), { by: "admin token" });
    await shop.apply({ edit: { put: "process", name: "more", fields: { type: "work", on: "orders" } } });
    expect(shop.changes.versions()).toMatchObject([
      { version: 3, by: "test", how: "put process more", current: true },
      { version: 2, by: "admin token", how: "apply", current: false },
      { version: 1, by: "start", how: "start", current: false },
    ]);
    expect(await shop.plan({ rollback: 1 })).toMatchObject({
      changes: [
        { action: "change", name: "land" },
        { action: "remove", name: "more" },
        { action: "remove", name: "orders → more" },
      ],
    });
    expect(await shop.apply({ rollback: null })).toMatchObject({ version: 4 });
    expect(await shop.apply({ rollback: 1 })).toMatchObject({ version: 5 });
    const [newest, , , , first] = shop.changes.versions();
    expect(newest).toMatchObject({ version: 5, how: "rollback to 1", hash: first?.hash });
    expect(await shop.changes.versionOf(1)).toMatchObject({ source: { text: TEXT, format: "toml" } });
    expect(await codeOf(shop.apply({ rollback: 99 }))).toBe("NOT_FOUND");
  });

  test("keep references unresolved, and show no secret", async () => {
    const environment = { LAND_TAG: "s3cret-tag", OTHER_TAG: "0ther-secret" };
    const text = changed('"one"', '"${env:LAND_TAG}"');
    await using shop = await openShop(text, { environment });
    const { plan } = await shop.apply(text.replace("LAND_TAG", "OTHER_TAG"));
    expect(plan.changes).toMatchObject([{ options: [{ option: "tag", before: "***", after: "***" }] }]);
    const stored = await Promise.all([1, 2].map((version) => shop.changes.versionOf(version)));
    for (const told of [plan, stored, shop.changes.config()]) {
      expect(JSON.stringify(told)).not.toMatch(/s3cret|0ther/);
    }
    expect(stored[1]?.source?.text).toContain("${env:OTHER_TAG}");
  });

  test("are kept up to fifty, whatever is applied", async () => {
    await using shop = await openShop(TEXT);
    for (let i = 0; i < 60; i += 1) await shop.apply(changed("one", `t${i}`));
    expect(shop.changes.versions().map(({ version }) => version)).toEqual(
      Array.from({ length: 50 }, (_, i) => 61 - i),
    );
    expect(await codeOf(shop.changes.versionOf(11))).toBe("NOT_FOUND");
    expect(await shop.orchestrator.journal.work.readState("$pipeline", "version/11")).toBeUndefined();
    expect(await shop.changes.versionOf(12)).toMatchObject({ version: 12 });
  });

  test("refuse an apply that was made for another", async () => {
    await using shop = await openShop(TEXT);
    await shop.apply(changed("one", "two"), { ifVersion: 1 });
    expect(await codeOf(shop.apply(changed("one", "three"), { ifVersion: 1 }))).toBe("VERSION_CONFLICT");
    const both = await Promise.all(
      ["four", "five"].map((tag) => codeOf(shop.apply(changed("one", tag), { ifVersion: 2 }))),
    );
    expect(both).toEqual(expect.arrayContaining(["VERSION_CONFLICT", "nothing was thrown"]));
  });

  test("go on from what was counted before a restart, and so does what was being removed", async () => {
    await using place = await openPlace();
    let uid: string;
    {
      await using shop = await openShop(changed('tag = "one"', 'tag = "one"\nenabled = false'), place);
      ({ uid } = await emit(shop, "1"));
      await shop.apply({ edit: { remove: "process", name: "land" } }, { open: "drain" });
      expect(shop.changes.version).toBe(2);
    }
    await using shop = await openShop(WITHOUT_LAND, place);
    expect(shop.changes.version).toBe(2);
    expect(await shop.orchestrator.processes()).toMatchObject([
      { name: "report" },
      { name: "land", state: "paused" },
    ]);
    await shop.orchestrator.resume("land");
    await shop.orchestrator.settled(uid);
    expect(tagOf(shop, uid)).toBe("one");
    await expect.poll(async () => (await shop.orchestrator.processes()).length).toBe(1);
    expect(shop.changes.version).toBe(2);
  });
});

describe("who listens", () => {
  test("is told of the version that an apply made", async () => {
    await using shop = await openShop(TEXT);
    const told: unknown[] = [];
    const listen = (message: unknown): void => void told.push(message);
    pipelineChanged.subscribe(listen);
    try {
      await shop.apply(changed("one", "two"));
    } finally {
      pipelineChanged.unsubscribe(listen);
    }
    expect(told).toEqual([{ pipeline: "shop", state: "running", version: 2 }]);
  });
});
