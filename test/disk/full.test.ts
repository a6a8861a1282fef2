import { rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { mountSmallDisk } from "../../src/journal/sqlite/small-disk.test-helper.ts";
import type { Page, RunRow } from "../../src/index.ts";
import { until, type Workspace } from "../support/cli.ts";
import { deliver, hookWorkspace } from "./hook.ts";

const DATA = "x".repeat(4_000);

/** Delivers until one is refused; answers the uids of those that were taken. */
async function fill(http: unknown): Promise<{ taken: string[]; refusal: { status: number; code?: string } }> {
  const taken: string[] = [];
  for (let n = 0; n < 5_000; n += 1) {
    const answer = await deliver(http, n, DATA);
    if (answer.status !== 202) return { taken, refusal: answer };
    taken.push(answer.uid as string);
  }
  throw new Error("it never became full");
}

async function succeeded(place: Workspace): Promise<Set<string>> {
  const events = new Set<string>();
  let cursor: string | null = null;
  do {
    const after: string = cursor === null ? "" : `&cursor=${cursor}`;
    const page: Page<RunRow> = await place.api("GET", `runs?state=succeeded&limit=1000${after}`);
    for (const run of page.items) events.add(run.event);
    cursor = page.next;
  } while (cursor !== null);
  return events;
}

/** Everything that was taken comes to its end, and nothing else was kept. */
async function expectAllDone(place: Workspace, taken: readonly string[]): Promise<void> {
  const wanted = new Set(taken);
  await until(async () => (await succeeded(place)).size >= wanted.size);
  expect([...(await succeeded(place))].toSorted()).toEqual([...wanted].toSorted());
}

test("a webhook answers 503 while the disk is full, and takes events again when there is space: none is lost", async ({
  skip,
}) => {
  const disk = mountSmallDisk(3);
  if (disk === undefined) return skip("this user may not mount a small file system");
  const place = hookWorkspace();
  symlinkSync(disk.folder, join(place.folder, ".sluice"));
  const ballast = join(disk.folder, "ballast");
  try {
    writeFileSync(ballast, Buffer.alloc(1_500_000));
    const first = await place.run();
    const { taken, refusal } = await fill(first.ready["http"]);
    expect(refusal).toMatchObject({ status: 503, code: "JOURNAL_FULL" });
    expect(taken.length).toBeGreaterThan(10);
    expect(await deliver(first.ready["http"], 0, DATA)).toMatchObject({ status: 503 });
    rmSync(ballast);
    const healed = await deliver(first.ready["http"], 0, DATA);
    expect(healed.status).toBe(202);
    taken.push(healed.uid as string);
    expect(await first.stop()).toMatchObject({ code: 0 });
    const second = await place.run();
    await expectAllDone(place, taken);
    expect(await second.stop()).toMatchObject({ code: 0 });
  } finally {
    await place.remove();
    disk.unmount();
  }
}, 60_000);

test("a webhook answers 503 at the journal's largest size, while what was taken goes on", async () => {
  const place = hookWorkspace(`[retention]\nmax_size = "1MB"`);
  try {
    const { ready, stop } = await place.run();
    await place.api("POST", "processes/out/pause", {});
    const { taken, refusal } = await fill(ready["http"]);
    expect(refusal).toMatchObject({ status: 503, code: "JOURNAL_FULL" });
    await place.api("POST", "processes/out/resume", {});
    await expectAllDone(place, taken);
    expect(await deliver(ready["http"], 0, DATA)).toMatchObject({ status: 503, code: "JOURNAL_FULL" });
    expect(await stop()).toMatchObject({ code: 0 });
  } finally {
    await place.remove();
  }
}, 60_000);
