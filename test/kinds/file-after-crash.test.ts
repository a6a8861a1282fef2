import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { Orchestrator } from "../../src/index.ts";
import { endHost, startHost } from "../support/host.ts";

const root = new URL("../../", import.meta.url).href;
const FILES = 120;
const LINES = 3;
/** After how many words each host is killed: in the middle of telling, of taking away, of forgetting. */
const KILLS = [1, 3, 8];

/** Says a word when it begins to keep something, and when that is kept: in between, files are taken away. */
const HOST = `
  import { Orchestrator } from "${root}src/index.ts";
  import { fileInput } from "${root}src/inputs/file/index.ts";
  const [journal, path, after, to] = process.argv.slice(2);
  const input = fileInput({ name: "files", path, read: "lines", stable: "10ms", after, ...(after === "move" && { to }) });
  const orchestrator = new Orchestrator({ journal });
  const aloud = (work) => async (...args) => {
    console.log("begins");
    const answer = await work(...args);
    console.log("is done");
    return answer;
  };
  orchestrator.addInput({
    ...input,
    handle: (context) => input.handle({
      ...context,
      emitAll: aloud(context.emitAll),
      state: { ...context.state, get: context.state.get.bind(context.state), put: aloud(context.state.put.bind(context.state)) },
    }),
  });
  console.log("up");
  await orchestrator.run();
`;

test.each(["delete", "move"])(
  "a file input that is killed again and again while it tells files and then %ss them loses none, and tells none twice",
  { timeout: 60_000 },
  async (after) => {
    const directory = await mkdtemp(join(tmpdir(), "sluice-file-after-"));
    onTestFinished(() => rm(directory, { recursive: true }));
    const journal = `sqlite:${join(directory, "journal.db")}`;
    const [inbox, done] = [join(directory, "inbox"), join(directory, "done")];
    await mkdir(inbox);
    await writeFile(join(directory, "host.mjs"), HOST);
    const texts = Array.from({ length: FILES }, (_, file) =>
      Array.from({ length: LINES }, (_line, line) => `${file}.${line}`),
    );
    await Promise.all(texts.map((lines, file) => writeFile(join(inbox, `f${file}`), lines.join("\n"))));

    const start = () => startHost(join(directory, "host.mjs"), [journal, inbox, after, done]);
    let kills = 0;
    for (const words of KILLS) {
      const host = await start();
      const said = createInterface({ input: host.stdout as NonNullable<typeof host.stdout> });
      for (let word = 0; word < words; word += 1)
        await Promise.race([once(said, "line"), once(host, "exit")]);
      kills += host.exitCode === null ? 1 : 0;
      await endHost(host, "SIGKILL");
    }
    expect(kills).toBe(KILLS.length);

    const host = await start();
    await expect.poll(() => readdir(inbox), { timeout: 20_000 }).toEqual([]);
    await endHost(host, "SIGTERM");
    expect((await told(journal)).toSorted(compare)).toEqual(texts.flat().toSorted(compare));
    if (after === "delete") return;
    const moved = await readdir(done);
    expect(moved).toHaveLength(FILES);
    expect(await readFile(join(done, "f7"), "utf8")).toBe("7.0\n7.1\n7.2");
  },
);

async function told(journal: string): Promise<string[]> {
  await using orchestrator = new Orchestrator({ journal });
  await orchestrator.start();
  const page = await orchestrator.history.events({ limit: 1_000 });
  return page.items.map(({ data }) => String(data));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : 1;
}
