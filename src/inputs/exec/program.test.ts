import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { directory, fastClock, shell, asking, listen, hear } from "../../../test/support/exec-input.ts";
import { readState } from "../../child/proc.ts";
import { SluiceError } from "../../model/errors.ts";
import { createSignal } from "../../testing/signal.ts";

describe("its program", () => {
  test("is told who it listens for, and gets no variables but its own", async () => {
    process.env["SLUICE_TEST_SECRET"] = "hidden";
    const heard = await hear({ argv: shell("env >&2"), env: { MINE: "my value" } });
    delete process.env["SLUICE_TEST_SECRET"];
    expect(heard.notes).toEqual(
      expect.arrayContaining([
        "SLUICE_INPUT=listener",
        "SLUICE_PIPELINE=test",
        `SLUICE_JOURNAL=${heard.context.journalId}`,
        "MINE=***",
      ]),
    );
    expect(heard.notes.join()).not.toMatch(/SLUICE_TEST_SECRET|SLUICE_CURSOR/);
  });

  test("that fails is told by its code and its last words, without secrets", async () => {
    const script = 'i=0; while [ $i -lt 9 ]; do echo "step $i $TOKEN" >&2; i=$((i+1)); done; exit 7';
    const { ended } = listen({ argv: shell(script), env: { TOKEN: "tok-123456" } });
    await expect(ended).rejects.toMatchObject({
      code: "PROCESS_EXIT",
      message: `"/bin/sh" ended with exit code 7\n${[4, 5, 6, 7, 8].map((n) => `step ${n} ***`).join("\n")}`,
    });
    await expect(listen({ argv: shell("kill -SEGV $$") }).ended).rejects.toMatchObject({
      code: "PROCESS_EXIT",
      message: expect.stringContaining("was ended by SIGSEGV"),
    });
  });

  test("that is not there is final", async () => {
    await expect(listen({ argv: ["no-such-program"] }).ended).rejects.toMatchObject({
      name: "PermanentError",
      code: "COMMAND_NOT_FOUND",
    });
  });

  test("that ends well ends the input, or is started again after a while, if that is said", async () => {
    const again = listen({ argv: ["echo", "{}"], restartAfter: "1s" }, { clock: fastClock });
    await again.context.waitFor(3);
    again.context.stop();
    await again.ended;
  });

  test("may write much into the log, but not all", async () => {
    const heard = await hear({ argv: shell("seq 1 5000 >&2") });
    expect(heard.notes).toHaveLength(1_000);
    expect(heard.warnings).toMatchObject([
      { fields: { cut: 4_000 }, message: expect.stringContaining("4000 were left out") },
    ]);
  });

  test("that leaves its acknowledgements unread for a minute is told so", async () => {
    const argv = shell("while :; do echo {}; done");
    await expect(listen({ argv }, { clock: fastClock }).ended).rejects.toMatchObject({
      code: "INPUT_FAILED",
      message: expect.stringContaining("set acknowledge = false"),
    });
  });

  test("that closes its output and runs on is ended, and told so", async () => {
    const { context, ended } = listen({ argv: shell("echo {}; exec 1>&-; sleep 100") }, { clock: fastClock });
    await expect(ended).rejects.toMatchObject({
      code: "INPUT_FAILED",
      message: expect.stringContaining("closed its standard output and ran on"),
    });
    expect(context.emitted).toHaveLength(1);
  });

  test.each(["listens", "must end"])(
    "that left somebody who prints on is over, if its input %s",
    async (what) => {
      const pid = join(directory, what.replace(" ", "-"));
      const argv = shell(
        `setsid sh -c 'echo $$ >${pid}; exec yes "$(printf %20000s x)"' & until [ -s ${pid} ]; do sleep 0.01; done; echo own`,
      );
      const { context, ended, warnings } = listen({ argv, lines: "text" });
      // Who prints on may be heard first.
      await expect
        .poll(() => context.emitted.some(({ data }) => data === "own"), { timeout: 20_000 })
        .toBe(true);
      if (what === "must end") context.stop();
      await ended;
      process.kill(Number(await readFile(pid, "utf8")), "SIGKILL");
      expect(warnings).toMatchObject([{ message: expect.stringContaining("goes on printing") }]);
    },
  );

  test("may leave its input closed", async () => {
    const heard = await hear({ argv: shell("exec <&-; seq 1 100 | sed 's/.*/{}/'") });
    expect(heard.context.emitted).toHaveLength(100);
  });

  test.runIf(process.platform === "linux")("leaves nobody behind", async () => {
    const heard = await hear({ argv: shell("sleep 60 & echo $! >&2; echo '{}'; read -r a") });
    // Who has no parent any more may stay as a zombie.
    expect((await readState(Number(heard.notes[0])))?.isZombie ?? true).toBe(true);
  });
});

describe("a journal that does not take it", () => {
  test("holds the program up, which goes on when the journal does", async () => {
    const kept = createSignal();
    const script = `const { writeSync } = require("node:fs");
      for (let i = 1; ; i++) { writeSync(1, i + "x".repeat(1_000) + "\\n"); if (i % 10 === 0) writeSync(2, i + "\\n"); }`;
    const { context, ended, notes } = listen(
      { argv: [process.execPath, "-e", script], lines: "text" },
      { beforeEmit: () => kept.wait() },
    );
    let before = 0;
    const isHeld = (): boolean => {
      const [last, now] = [before, notes.length];
      before = now;
      return now > 0 && now === last;
    };
    await expect.poll(isHeld, { interval: 200, timeout: 15_000 }).toBe(true);
    // What is in its pipe and in our buffers, of 64 KiB each (some kernels let a pipe have more).
    const printed = before * 10;
    expect(printed).toBeLessThan(1_500);
    expect(context.emitted).toEqual([]);
    kept.set();
    await context.waitFor(printed + 100);
    context.stop();
    await ended;
    expect(context.emitted.every(({ data }, index) => String(data).startsWith(`${index + 1}x`))).toBe(true);
  });

  test("costs nothing of what nobody could print again: it waits, and is tried again", async () => {
    let refusals = 3;
    const { context, ended, warnings } = listen(
      { argv: ["seq", "1", "5"], lines: "text" },
      {
        clock: fastClock,
        beforeEmit() {
          if (refusals-- > 0) throw new SluiceError("JOURNAL_FULL", "no space");
        },
      },
    );
    await ended;
    expect(context.emitted.map(({ data }) => data)).toEqual(["1", "2", "3", "4", "5"]);
    expect(warnings).toHaveLength(3);
    expect(context.reported.error).toMatchObject({ code: "JOURNAL_FULL" });
  });

  test("fails an input whose program knows what was not acknowledged", async () => {
    const full = new SluiceError("JOURNAL_FULL", "no space");
    const { ended, notes } = listen({ argv: asking("{}") }, { beforeEmit: () => Promise.reject(full) });
    await expect(ended).rejects.toBe(full);
    expect(notes.join("")).toBe("");
  });
});

describe("when it must end", () => {
  test("its program and all that it started get SIGTERM, then SIGKILL", async () => {
    const script = `trap '' TERM; sh -c 'trap "" TERM; echo {}; while :; do sleep 0.1; done' & wait`;
    const { context, ended } = listen({
      argv: shell(`${script}; while :; do sleep 0.1; done`),
      killAfter: 50,
    });
    await context.waitFor(1);
    context.stop();
    await ended;
  });

  test("what it still prints then is taken, if nobody could print it again", async () => {
    const script = `trap 'echo last; exit 0' TERM; echo first; while :; do sleep 0.02; done`;
    const { context, ended } = listen({ argv: shell(script), lines: "text" });
    await context.waitFor(1);
    context.stop();
    await ended;
    expect(context.emitted.map(({ data }) => data)).toEqual(["first", "last"]);
  });

  test("what is being kept is answered still", async () => {
    const keeping = createSignal();
    const kept = createSignal();
    const { context, ended, notes } = listen(
      { argv: shell(`trap '' TERM; echo '{"id":"1"}'; read -r a; echo "$a" >&2`) },
      {
        beforeEmit() {
          keeping.set();
          return kept.wait();
        },
      },
    );
    await keeping.wait();
    context.stop();
    kept.set();
    await ended;
    expect(JSON.parse(notes.join(""))).toMatchObject({ line: 1, duplicate: false });
  });
});
