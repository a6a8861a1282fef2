import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { Orchestrator } from "../../src/index.ts";
import { endHost, startHost } from "../support/host.ts";

const root = new URL("../../", import.meta.url).href;
const LINES = 100_000;
const KILLS = 6;

/** Says a word for each commit. */
const HOST = `
  import { Orchestrator } from "${root}src/index.ts";
  import { fileInput } from "${root}src/inputs/file/index.ts";
  const [journal, path] = process.argv.slice(2);
  const input = fileInput({ name: "files", path, read: "lines", stable: "10ms" });
  const orchestrator = new Orchestrator({ journal });
  orchestrator.addInput({
    ...input,
    handle: (context) => input.handle({
      ...context,
      async emitAll(...args) {
        const receipts = await context.emitAll(...args);
        console.log("commit");
        return receipts;
      },
    }),
  });
  console.log("up");
  await orchestrator.run();
`;

test(
  "a file input whose host is killed again and again in the middle of a file tells each line once, in their order",
  { timeout: 90_000 },
  async () => {
    const directory = await mkdtemp(join(tmpdir(), "sluice-file-crash-"));
    onTestFinished(() => rm(directory, { recursive: true }));
    const journal = `sqlite:${join(directory, "journal.db")}`;
    const inbox = join(directory, "inbox");
    await mkdir(inbox);
    await writeFile(join(directory, "host.mjs"), HOST);
    const expected = Array.from({ length: LINES }, (_, i) => `line ${i}`);
    await writeFile(join(inbox, "f"), expected.join("\n"));

    let kills = 0;
    for (let life = 0; life < KILLS; life += 1) {
      const host = await startHost(join(directory, "host.mjs"), [journal, inbox]);
      const said = createInterface({ input: host.stdout as NonNullable<typeof host.stdout> });
      for (let commits = 0; commits < 2 + life; commits += 1)
        await Promise.race([once(said, "line"), once(host, "exit")]);
      kills += host.exitCode === null ? 1 : 0;
      await endHost(host, "SIGKILL");
    }
    expect(kills).toBe(KILLS);

    await using orchestrator = new Orchestrator({ journal });
    await orchestrator.start();
    const before = await told(orchestrator);
    expect(before.length).toBeGreaterThan(0);
    expect(before.length).toBeLessThan(LINES);
    await orchestrator.stop();

    const host = await startHost(join(directory, "host.mjs"), [journal, inbox]);
    const said = createInterface({ input: host.stdout as NonNullable<typeof host.stdout> });
    for (let commits = 0; commits < (LINES - before.length) / 2_000; commits += 1) await once(said, "line");
    await endHost(host, "SIGTERM");

    await using reader = new Orchestrator({ journal });
    await reader.start();
    expect(await told(reader)).toEqual(expected);
  },
);

async function told(orchestrator: Orchestrator): Promise<unknown[]> {
  const data: unknown[] = [];
  for (let cursor: string | undefined; ;) {
    const page = await orchestrator.history.events({
      limit: 1_000,
      oldestFirst: true,
      ...(cursor !== undefined && { cursor }),
    });
    for (const event of page.items) data.push(event.data);
    if (page.next === null) return data;
    cursor = page.next;
  }
}
