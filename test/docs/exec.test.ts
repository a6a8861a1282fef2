import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { guideBlocks } from "../support/guide.ts";
import { until, workspace, type Workspace } from "../support/cli.ts";

interface Row {
  readonly location: string;
  readonly id: string;
  readonly data: unknown;
}

async function eventsOf(space: Workspace, location: string): Promise<readonly Row[]> {
  const { items } = await space.api<{ items: readonly Row[] }>("GET", "events?limit=1000");
  return items.filter((event) => event.location === location).toReversed();
}

test(
  'the guide "Inputs in any language" has a pipeline that runs: in Python, in shell, and tail as it is',
  { timeout: 60_000 },
  async () => {
    const block = guideBlocks("exec.md");
    const space = workspace(block("sluice.toml"));
    const add = (file: string, text: string): void => appendFileSync(join(space.folder, file), text);
    try {
      for (const file of ["readings.py", "disks.sh"]) space.write(file, block(file));
      space.write("store.ts", "export default () => {};");
      space.write("readings.csv", "north,1.5\nsouth,2\n");
      space.write("door.log", "");
      const first = await space.run();
      await until(async () => (await eventsOf(space, "readings")).length === 2);
      await until(async () => (await eventsOf(space, "disks")).some(({ id }) => id === "/"));
      // tail may not have opened its file yet.
      await until(async () => {
        add("door.log", "opened\n");
        return (await eventsOf(space, "log")).length > 0;
      });
      expect((await eventsOf(space, "readings")).map(({ id }) => id)).toEqual(["1", "2"]);
      const { code, stderr } = await first.stop();
      expect({ code, refused: stderr.includes("refused") }).toEqual({ code: 0, refused: false });

      add("readings.csv", "north,1.7\n");
      const second = await space.run();
      await until(async () => (await eventsOf(space, "readings")).length > 2);
      expect((await eventsOf(space, "readings")).map(({ id }) => id)).toEqual(["1", "2", "3"]);
      const { items } = await space.api<{ items: { name: string; state: string }[] }>("GET", "inputs");
      expect(items.find(({ name }) => name === "log")?.state).toBe("running");
      expect((await second.stop()).code).toBe(0);
    } finally {
      await space.remove();
    }
  },
);
