import { execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, linkSync, renameSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { afterEach, describe, expect, it } from "vitest";
import { silentLogger } from "../../model/logger.ts";
import { createFakeClock } from "../../testing/clock.ts";
import type { Journal } from "../journal.ts";
import { createSqliteJournal } from "./driver.ts";
import { createSqlitePlace, type SqlitePlace } from "./place.test-helper.ts";

const run = promisify(execFile);
const DRIVER = new URL("./driver.ts", import.meta.url).href;
const SURROUNDINGS =
  "{ clock: { now: Date.now, monotonic: performance.now.bind(performance), setTimer: () => ({ cancel() {} }) }, random: Math.random, logger: console }";

/** A program that opens the journal, says so, and then does what it is told. */
function program(file: string, then: string): string[] {
  const code = `
    const { createSqliteJournal } = await import(${JSON.stringify(DRIVER)});
    try {
      const journal = await createSqliteJournal(${JSON.stringify(file)}).open(${SURROUNDINGS});
      ${then}
    } catch (error) {
      console.log(JSON.stringify({ code: error.code, message: error.message, details: error.details }));
      process.exit(3);
    }`;
  return ["--input-type=module", "-e", code];
}

describe("the owner of a SQLite journal", () => {
  const opened: Journal[] = [];
  const places: SqlitePlace[] = [];

  async function place(): Promise<SqlitePlace> {
    const made = await createSqlitePlace();
    places.push(made);
    return made;
  }

  async function open(file: string): Promise<Journal> {
    const journal = await createSqliteJournal(file).open({
      clock: createFakeClock(),
      random: Math.random,
      logger: silentLogger,
    });
    opened.push(journal);
    return journal;
  }

  afterEach(async () => {
    for (const journal of opened.splice(0)) await journal.close();
    for (const one of places.splice(0)) await one.remove();
  });

  it("keeps another process out, which learns the owner's pid", async () => {
    const { file } = await place();
    await open(file);
    const refused = await run(process.execPath, program(file, "process.exit(0)")).catch(
      (error: { stdout: string }) => error,
    );
    const answer = JSON.parse(refused.stdout) as { code: string; message: string };
    expect(answer.code).toBe("JOURNAL_OWNED");
    expect(answer.message).toContain(`pid ${process.pid}`);
  });

  it("is recognised through a symbolic link", async () => {
    const { file, folder } = await place();
    await open(file);
    const link = path.join(folder, "link.db");
    symlinkSync(file, link);
    await expect(open(link)).rejects.toMatchObject({ code: "JOURNAL_OWNED" });
  });

  it("refuses a journal with a second hard link, whose lock would be another one", async () => {
    const { file, folder } = await place();
    await open(file);
    const link = path.join(folder, "link.db");
    linkSync(file, link);
    await expect(open(link)).rejects.toMatchObject({
      code: "JOURNAL_UNSUPPORTED",
      message: expect.stringContaining("2 names"),
    });
  });

  it("says so at once if its folder cannot be made", async () => {
    await expect(open("/proc/nowhere/journal.db")).rejects.toMatchObject({
      code: "JOURNAL_IO",
      message: expect.stringContaining("/proc/nowhere cannot be made"),
    });
  });

  it("refuses what is no regular file, and leaves it as it is", async () => {
    const { file } = await place();
    execFileSync("mkfifo", ["-m", "644", file]);
    await expect(open(file)).rejects.toMatchObject({ code: "JOURNAL_UNSUPPORTED" });
    expect(statSync(file).mode & 0o777).toBe(0o644);
  });

  it.each(["journal.db", "journal.db-wal"])(
    "acknowledges nothing while %s is not in its place, and goes on once it is back",
    async (name) => {
      const { file, folder } = await place();
      const journal = await open(file);
      const keep = (value: string) =>
        journal.work.commit({ state: [{ owner: "a", key: "b", value: JSON.stringify(value) }] });
      await keep("before");
      const [at, elsewhere] = [path.join(folder, name), path.join(folder, "elsewhere")];
      renameSync(at, elsewhere);
      const refused = { code: "JOURNAL_IO", message: expect.stringContaining("removed, moved or replaced") };
      await expect(keep("while it is gone")).rejects.toMatchObject(refused);
      writeFileSync(at, "");
      await expect(keep("to another file")).rejects.toMatchObject(refused);
      expect(journal.health()).toMatchObject({ ok: false });
      renameSync(elsewhere, at);
      await keep("after");
      expect(journal.health()).toEqual({ ok: true });
      expect(await journal.work.readState("a", "b")).toMatchObject({ value: '"after"' });
    },
  );

  it("loses the journal to the next one when it is killed, with every acknowledged event in it", async () => {
    const { file } = await place();
    const emit = `
      for (let i = 0; ; i += 1) {
        const uid = "00000000-0000-7000-8000-" + String(i).padStart(12, "0");
        const event = { uid, trigger: "t", location: "l", operation: "create", id: "1", key: null, time: 0, data: null, headers: null, cause: null };
        await journal.work.commit({ append: [{ event, runs: [{ process: "work" }] }] });
        process.stdout.write(uid + "\\n");
      }`;
    const child = spawn(process.execPath, program(file, emit), { stdio: ["ignore", "pipe", "inherit"] });
    let text = "";
    child.stdout.on("data", (chunk) => {
      text += String(chunk);
      if (text.length > 4_000) child.kill("SIGKILL");
    });
    await once(child, "close");
    const acknowledged = text.split("\n").slice(0, -1);
    const journal = await open(file);
    expect(journal.stoppedCleanly).toBe(false);
    const counters = await journal.history.counters();
    expect(counters.events["t"]).toBeGreaterThanOrEqual(acknowledged.length);
    for (const uid of acknowledged) expect(await journal.history.event(uid)).toBeDefined();
  });

  it("keeps its files from other users", async () => {
    const { file } = await place();
    const journal = await open(file);
    await journal.work.commit({ state: [{ owner: "a", key: "b", value: "1" }] });
    for (const suffix of ["", "-wal", "-shm", "-owner"]) {
      expect((statSync(file + suffix).mode & 0o777).toString(8), suffix).toBe("600");
    }
  });

  it("makes the journal's folder", async () => {
    const { folder } = await place();
    const file = path.join(folder, "deep", "er", "journal.db");
    await open(file);
    expect(existsSync(file)).toBe(true);
  });

  it("warns of a file system that keeps nothing", async () => {
    let folder: string;
    try {
      folder = execFileSync("mktemp", ["-d", "-p", "/dev/shm"]).toString().trim();
    } catch {
      return;
    }
    const warnings: string[] = [];
    const logger = { ...silentLogger, warn: (_: object, message: string) => warnings.push(message) };
    const journal = await createSqliteJournal(path.join(folder, "j.db")).open({
      clock: createFakeClock(),
      random: Math.random,
      logger,
    });
    await journal.close();
    execFileSync("rm", ["-r", folder]);
    expect(warnings).toEqual([expect.stringContaining("tmpfs")]);
  });
});
