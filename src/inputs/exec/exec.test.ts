import { describe, expect, test } from "vitest";
import { shell, asking, listen, hear, answersOf } from "../../../test/support/exec-input.ts";
import { SluiceError } from "../../model/errors.ts";
import { execInput } from "./index.ts";

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
      onUndecodable: "fail",
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

test.each([
  { argv: [] },
  { argv: "tail -F log" },
  { argv: ["true"], lines: "xml" },
  { argv: ["true"], pick: { id: "/id" } },
  { argv: ["true"], lines: "json", pick: { id: "id" } },
  { argv: ["true"], maxLine: 0 },
  { argv: ["true"], restartAfter: "soon" },
  { argv: ["true"], onUndecodable: "skip" },
  { argv: ["true"], shell: true },
])("the options %j are refused", (options) => {
  expect(() => execInput({ name: "p", ...options } as never)).toThrow(
    expect.objectContaining({ code: "INVALID_OPTIONS" }),
  );
});
