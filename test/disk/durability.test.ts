import { join } from "node:path";
import { expect, test } from "vitest";
import { openForWriting } from "../../src/journal/sqlite/database.ts";
import { createSqlitePlace } from "../../src/journal/sqlite/place.test-helper.ts";
import { Hosted } from "../crash/hosted.ts";
import { deliver, hookWorkspace } from "./hook.ts";
import { readTrace, straceLauncher, toldTooEarly, whyNoStrace } from "./strace.ts";

const reason = whyNoStrace();

test("no acknowledgement leaves the host before the sync of the write that holds its event has ended", async ({
  skip,
}) => {
  if (reason !== undefined) return skip(reason);
  await using hosted = await Hosted.make({ processes: [{ name: "a" }, { name: "b", order: "key" }] });
  const file = join(hosted.folder, "trace");
  await hosted.start(undefined, straceLauncher(file));
  // Alone and many together: each way is a batch of its own kind.
  for (let i = 0; i < 5; i += 1) {
    await hosted.load(1_000, () => hosted.sent > i);
    await hosted.finish(10_000);
  }
  await hosted.load(5_000, () => hosted.sent >= 150);
  await hosted.finish(20_000);
  await hosted.kill("SIGTERM");

  const { acknowledged, problems } = hosted.ledger;
  expect({ sent: acknowledged.size, problems }).toEqual({ sent: hosted.sent, problems: [] });
  const calls = await readTrace(file);
  expect(toldTooEarly(calls, acknowledged)).toEqual([]);
  // The check sees what it looks for: without the syncs, all would have been told too early.
  const unsynced = calls.filter((call) => call.name !== "fdatasync" && call.name !== "fsync");
  expect(toldTooEarly(unsynced, acknowledged)).toHaveLength(acknowledged.size);
}, 60_000);

test("no 202 leaves a webhook before the sync of the write that holds its event has ended", async ({
  skip,
}) => {
  if (reason !== undefined) return skip(reason);
  const place = hookWorkspace();
  try {
    const file = join(place.folder, "trace");
    const { ready, stop } = await place.run({ launcher: straceLauncher(file) });
    const post = async (n: number): Promise<string> => {
      const { status, uid } = await deliver(ready["http"], n);
      expect(status).toBe(202);
      return uid as string;
    };
    const uids = [await post(0), await post(1)];
    for (let round = 0; round < 4; round += 1)
      uids.push(...(await Promise.all(Array.from({ length: 25 }, (_, n) => post(n)))));
    expect(await stop()).toMatchObject({ code: 0 });
    expect(new Set(uids).size).toBe(102);
    expect(toldTooEarly(await readTrace(file), uids)).toEqual([]);
  } finally {
    await place.remove();
  }
}, 60_000);

test("the connection that writes is in WAL mode and syncs fully at every commit", async () => {
  const place = await createSqlitePlace();
  const database = openForWriting(place.file);
  try {
    expect(database.prepare("pragma journal_mode").get()).toEqual({ journal_mode: "wal" });
    expect(database.prepare("pragma synchronous").get()).toEqual({ synchronous: 2 });
  } finally {
    database.close();
    await place.remove();
  }
});
