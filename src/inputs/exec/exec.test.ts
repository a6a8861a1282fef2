import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readState } from "../../child/proc.ts";
import type { Clock } from "../../model/clock.ts";
import type { InputContext } from "../../model/component.ts";
import { SluiceError } from "../../model/errors.ts";
import type { Logger } from "../../model/logger.ts";
import {
  createInputContext,
  type InputContextOptions,
  type TestInputContext,
} from "../../testing/context.ts";
import { inputConformance, type InputSubject } from "../../testing/inputs/conformance.ts";
import { realClock } from "../../testing/real-clock.ts";
import { createSignal } from "../../testing/signal.ts";
import { execInput, type ExecInputOptions } from "./index.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "sluice-exec-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** Time that passes a hundred times as fast. */
const fastClock: Clock = {
  ...realClock,
  setTimer: (delay, callback) => realClock.setTimer(delay / 100, callback),
};
const shell = (script: string): string[] => ["/bin/sh", "-c", script];
/** Prints each line, and hands what it is answered on to its standard error. */
const asking = (...lines: readonly string[]): string[] =>
  shell(lines.map((line) => `printf '%s\\n' '${line}'; read -r answer; echo "$answer" >&2`).join("\n"));

interface Listening {
  readonly context: TestInputContext;
  readonly ended: Promise<void>;
  /** What its program wrote to standard error, and what was logged besides. */
  readonly notes: string[];
  readonly warnings: { readonly fields: Record<string, unknown>; readonly message: string }[];
}

function listen(options: ExecInputOptions, more: InputContextOptions = {}): Listening {
  const notes: string[] = [];
  const warnings: { fields: Record<string, unknown>; message: string }[] = [];
  const warn = (fields: object, message: string): void =>
    void warnings.push({ fields: fields as Record<string, unknown>, message });
  const logger: Logger = {
    debug: () => undefined,
    info: (_, message) => void notes.push(message),
    warn,
    error: warn,
  };
  const context = createInputContext({ name: "listener", clock: realClock, logger, ...more });
  const ended = execInput({ name: "listener", cwd: directory, ...options }).handle(context);
  ended.catch(() => undefined);
  return { context, ended, notes, warnings };
}

/** Runs a program that ends by itself. */
async function hear(options: ExecInputOptions, more: InputContextOptions = {}): Promise<Listening> {
  const listening = listen(options, more);
  await listening.ended;
  return listening;
}

const answersOf = ({ notes }: Listening): unknown[] => notes.map((note) => JSON.parse(note) as unknown);

describe("what it prints", () => {
  test("is emitted, and each line is answered once it is durable", async () => {
    const heard = await hear({
      argv: asking('{"location":"a","operation":"insert","id":1,"data":{"x":"ä"}}', "{}"),
    });
    const [first, second] = heard.context.emitted;
    expect(first).toMatchObject({ location: "a", operation: "create", id: "1", data: { x: "ä" } });
    expect(second).toMatchObject({ location: "listener", operation: "unknown" });
    expect(answersOf(heard)).toEqual([
      { line: 1, uid: first?.uid, duplicate: false },
      { line: 2, uid: second?.uid, duplicate: false },
    ]);
  });

  test("twice with one uid is a duplicate", async () => {
    const uid = "0193c0de-0000-7000-8000-000000000001";
    const heard = await hear({ argv: asking(`{"uid":"${uid}"}`, `{"uid":"${uid}","id":"2"}`) });
    expect(answersOf(heard)).toEqual([
      { line: 1, uid, duplicate: false },
      { line: 2, uid, duplicate: true },
    ]);
    expect(heard.context.emitted).toHaveLength(1);
  });

  test.each([
    ["nonsense", "INVALID_EVENT", "it is not JSON"],
    ["[]", "INVALID_EVENT", "it is not a JSON object"],
    ['{"a":1}', "INVALID_EVENT", 'an event has no field "a"'],
    ['{"id":[]}', "INVALID_EVENT", "id"],
    ['{"operation":"upsert"}', "INVALID_OPERATION", "upsert"],
    [`{"data":"${"x".repeat(3_000)}"}`, "INVALID_EVENT", "it has 3011 bytes, and may have 2000"],
    [`{"cursor":"${"x".repeat(1_990)}"}`, "INVALID_EVENT", "it has 2003 bytes"],
  ])(
    "and is no event is refused with its code, and the next is taken: %.30s",
    async (line, code, message) => {
      const heard = await hear({ argv: asking('{"id":"1"}', line, '{"id":"2"}'), maxLine: 2_000 });
      expect(heard.context.emitted.map(({ id }) => id)).toEqual(["1", "2"]);
      expect(answersOf(heard)).toMatchObject([
        { line: 1 },
        { line: 2, error: { code, message: expect.stringContaining(message) } },
        { line: 3 },
      ]);
      expect(heard.warnings).toMatchObject([{ fields: { line: 2, code } }]);
      expect(heard.context.reported.error).toMatchObject({
        message: expect.stringContaining("line 2 of its"),
      });
    },
  );

  test("and is not UTF-8 is refused", async () => {
    const heard = await hear({ argv: shell(String.raw`printf '{"id":"\377"}\n'; read -r a; echo "$a" >&2`) });
    expect(answersOf(heard)).toMatchObject([{ error: { message: "it is not UTF-8" } }]);
  });

  test("at once and wrong in the middle is refused there only, and answered in its order", async () => {
    const lines = ['{"id":"1"}', '{"operation":"upsert"}', "", "x", '{"id":"2"}'];
    const script = `printf '${lines.join("\\n")}\\n'; for i in 1 2 3 4; do read -r a; echo "$a" >&2; done`;
    const heard = await hear({ argv: shell(script) });
    expect(heard.context.emitted.map(({ id }) => id)).toEqual(["1", "2"]);
    expect(answersOf(heard)).toMatchObject([
      { line: 1, duplicate: false },
      { line: 2, error: { code: "INVALID_OPERATION" } },
      { line: 4, error: { code: "INVALID_EVENT" } },
      { line: 5, duplicate: false },
    ]);
  });

  test("and is no event fails the input, if it is told so, once what came before is kept", async () => {
    const lines = ['{"id":"1","cursor":1}', '{"operation":"upsert"}', '{"id":"2","cursor":2}'];
    const { context, ended } = listen({
      argv: shell(`printf '${lines.join("\\n")}\\n'; cat >&2`),
      badLines: "fail",
    });
    await expect(ended).rejects.toMatchObject({
      code: "INVALID_EVENT",
      message: expect.stringMatching(/^line 2 of its standard output is no event: .*upsert/),
    });
    expect(context.emitted.map(({ id }) => id)).toEqual(["1"]);
    expect(context.entries.get("cursor")?.value).toBe(1);
  });

  test.each([
    ["and is what it reads, as cat does,", shell("echo hello; exec cat")],
    ["and is no event, whatever comes,", shell("yes")],
  ])("%s fails the input after a hundred lines", async (_, argv) => {
    const heard = listen({ argv });
    await expect(heard.ended).rejects.toMatchObject({
      code: "INPUT_FAILED",
      message: expect.stringContaining('say lines = "json" or "text"'),
    });
    expect(heard.warnings).toHaveLength(100);
  });

  test("and is no event now and then fails nothing", async () => {
    const some = 'i=0; while [ $i -lt 99 ]; do echo no; i=$((i + 1)); done; echo "{}"';
    const heard = await hear({ argv: shell(`${some}; ${some}`) });
    expect(heard.context.emitted).toHaveLength(2);
    expect(heard.warnings).toHaveLength(198);
  });

  test("as text becomes data, blank lines too, and is not answered", async () => {
    const argv = shell(String.raw`printf 'one\r\n\n{"two":2}\nthree'; read -r a || echo "no answer" >&2`);
    const { context, ended } = listen({ argv, lines: "text", location: "log" });
    await context.waitFor(3);
    context.stop();
    await ended;
    expect(context.emitted.map(({ location, data }) => [location, data])).toEqual([
      ["log", "one"],
      ["log", ""],
      ["log", '{"two":2}'],
    ]);
  });

  test("last, without a line feed, is taken from a program that ended well, and from no other", async () => {
    const well = await hear({ argv: shell("printf 'a\\nb'"), lines: "text" });
    expect(well.context.emitted.map(({ data }) => data)).toEqual(["a", "b"]);
    const badly = listen({ argv: shell("printf 'a\\nb'; exit 1"), lines: "text" });
    await expect(badly.ended).rejects.toMatchObject({ code: "PROCESS_EXIT" });
    expect(badly.context.emitted.map(({ data }) => data)).toEqual(["a"]);
    expect(badly.warnings).toMatchObject([{ message: expect.stringContaining("in the midst of a line") }]);
  });

  test("as JSON becomes data, and its fields are picked out of it", async () => {
    const argv = shell(`echo '{"order":{"id":7},"what":"insert"}'; echo '[1]'`);
    const plain = await hear({ argv, lines: "json" });
    expect(plain.context.emitted.map(({ data }) => data)).toEqual([
      { order: { id: 7 }, what: "insert" },
      [1],
    ]);
    const picked = await hear({ argv, lines: "json", pick: { id: "/order/id", operation: "/what" } });
    expect(picked.context.emitted).toMatchObject([{ id: "7", operation: "create" }, { data: [1] }]);
  });

  test("in great number loses nothing, and keeps its order", async () => {
    const heard = await hear({ argv: ["seq", "1", "200000"], lines: "text" });
    expect(heard.context.emitted).toHaveLength(200_000);
    expect(heard.context.emitted.every(({ data }, index) => data === String(index + 1))).toBe(true);
  });
});

describe("its cursor", () => {
  test("is kept in the commit of its event, and given back at the next start", async () => {
    const argv = shell(
      `echo "at \${SLUICE_CURSOR:-the beginning}" >&2; echo '{"id":"1","cursor":{"at":"ä \\"1\\""}}'; read -r a`,
    );
    const first = await hear({ argv });
    const second = await hear({ argv }, { state: first.context.entries });
    expect([...first.notes, ...second.notes]).toEqual(["at the beginning", 'at {"at":"ä \\"1\\""}']);
  });

  test("is not kept without its event", async () => {
    const full = new SluiceError("JOURNAL_FULL", "no space");
    const { context, ended } = listen(
      { argv: asking('{"id":"1","cursor":1}') },
      { beforeEmit: () => Promise.reject(full) },
    );
    await expect(ended).rejects.toBe(full);
    expect(context.entries.size).toBe(0);
  });

  test("may be told alone, taken back by null, and be no larger than an environment takes", async () => {
    const cursorAfter = async (...lines: string[]): Promise<unknown> => {
      const heard = await hear({ argv: [...asking(...lines)] });
      expect(heard.context.emitted).toEqual([]);
      return [answersOf(heard).at(-1), heard.context.entries.get("cursor")?.value];
    };
    expect(await cursorAfter('{"cursor":5}')).toEqual([{ line: 1 }, 5]);
    expect(await cursorAfter('{"cursor":5}', '{"cursor":null}')).toEqual([{ line: 2 }, null]);
    const large = `node -e 'console.log(JSON.stringify({cursor:"x".repeat(70000)}))'; read -r a; echo "$a" >&2`;
    const heard = await hear({ argv: shell(large.replace("node", process.execPath)) });
    expect(answersOf(heard)).toMatchObject([{ error: { message: "its cursor is larger than 65536 bytes" } }]);
  });
});

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
      await context.waitFor(20);
      if (what === "must end") context.stop();
      await ended;
      process.kill(Number(await readFile(pid, "utf8")), "SIGKILL");
      expect(context.emitted.map(({ data }) => data)).toContain("own");
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

test.each([
  { argv: [] },
  { argv: "tail -F log" },
  { argv: ["true"], lines: "xml" },
  { argv: ["true"], pick: { id: "/id" } },
  { argv: ["true"], lines: "json", pick: { id: "id" } },
  { argv: ["true"], maxLine: 0 },
  { argv: ["true"], restartAfter: "soon" },
  { argv: ["true"], badLines: "skip" },
  { argv: ["true"], shell: true },
])("the options %j are refused", (options) => {
  expect(() => execInput({ name: "p", ...options } as never)).toThrow(
    expect.objectContaining({ code: "INVALID_OPTIONS" }),
  );
});

/** Prints an event whenever it is told to over a socket, and says there how it was answered. */
const TELLER = `
  const socket = require("node:net").connect(Number(process.env.PORT), "127.0.0.1");
  socket.on("data", (part) => { for (const _ of String(part).trim().split("\\n")) console.log("{}"); });
  require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => socket.write(line + "\\n"));
`;

async function teller(): Promise<InputSubject> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const made = execInput({
    name: "teller",
    argv: [process.execPath, "-e", TELLER],
    env: { PORT: String(port) },
  });
  let listens = false;
  let connected: Promise<Socket> | undefined;
  return {
    input: {
      ...made,
      async handle(context: InputContext) {
        listens = true;
        connected = once(server, "connection").then(([socket]) => socket as Socket);
        await made.handle(context).finally(() => (listens = false));
      },
    },
    async tell() {
      if (!listens || connected === undefined) throw new Error("nobody listens");
      const socket = await connected;
      const answers = createInterface({ input: socket });
      socket.write("tell\n");
      const [answer] = await Promise.race([
        once(answers, "line"),
        once(socket, "close").then(() => Promise.reject(new Error("it was not answered"))),
      ]);
      const { error } = JSON.parse(String(answer)) as { error?: { code: string } };
      if (error !== undefined) throw new Error(error.code);
    },
    context: { clock: realClock },
    close: () => void server.close(),
  };
}

describe("the input exec", () => {
  test.each(inputConformance({ create: teller, acknowledges: true }))("$name", ({ run }) => run());
});
