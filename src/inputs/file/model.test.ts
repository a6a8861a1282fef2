import { writeFileSync } from "node:fs";
import { appendFile, rename, rm, utimes, writeFile } from "node:fs/promises";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { InputContext } from "../../model/component.ts";
import { Watched } from "./file.test-helper.ts";

const NAMES = ["a", "b", "c"] as const;
type Name = (typeof NAMES)[number];

/** What is done to a file; lines never come twice. */
interface Deed {
  readonly type: "write" | "append" | "replace" | "touch" | "rewrite" | "delete";
  readonly lines: number;
  readonly ends: boolean;
}

/** One deed for some of the files, while the input runs, dies at an emission, or is stopped. */
interface Step {
  readonly deeds: readonly (readonly [Name, Deed])[];
  readonly life: "running" | "stopped" | "dies before a commit" | "dies after a commit";
  /** Emissions until it dies. */
  readonly after: number;
}

const deed: fc.Arbitrary<Deed> = fc.record({
  type: fc.constantFrom("write", "append", "replace", "touch", "rewrite", "delete"),
  lines: fc.constantFrom(0, 1, 2, 4_500),
  ends: fc.boolean(),
});
const step: fc.Arbitrary<Step> = fc.record({
  deeds: fc.uniqueArray(fc.tuple(fc.constantFrom(...NAMES), deed), {
    maxLength: 3,
    selector: ([name]) => name,
  }),
  life: fc.constantFrom("running", "stopped", "dies before a commit", "dies after a commit"),
  after: fc.integer({ min: 0, max: 3 }),
});

let made = 0;

function content(lines: number, ends: boolean): string {
  const all = Array.from({ length: lines }, () => `line ${(made += 1)}`);
  return all.join("\n") + (ends && lines > 0 ? "\n" : "");
}

/** What the disk has, and what must have been told of it. */
class Model {
  readonly disk = new Map<Name, string>();
  readonly told: string[] = [];
  readonly #mode: "text" | "lines" | "follow";
  readonly #known = new Map<Name, string>();

  constructor(mode: "text" | "lines" | "follow") {
    this.#mode = mode;
  }

  /** What is new since the last rest, by comparing what was there with what is. */
  rest(): void {
    for (const name of NAMES) {
      const before = this.#known.get(name);
      const now = this.disk.get(name);
      if (now === before) continue;
      if (now === undefined) this.told.push(`delete ${name}`);
      else this.told.push(...this.#changed(name, before, now));
      if (now === undefined) this.#known.delete(name);
      else this.#known.set(name, now);
    }
  }

  #changed(name: Name, before: string | undefined, now: string): string[] {
    const operation = before === undefined ? "create" : "update";
    if (this.#mode === "text") return [`${operation} ${name} ${now}`];
    const lines = now.split("\n");
    if (this.#mode === "lines") {
      if (lines.at(-1) === "") lines.pop();
      return lines.map((line, i) => `${operation} ${name}#${i + 1} ${line}`);
    }
    // Followed: lines that are whole, from where it was told to, or from the start of another file.
    lines.pop();
    const whole = before?.slice(0, before.lastIndexOf("\n") + 1) ?? "";
    const from = now.startsWith(whole) ? whole.split("\n").length - 1 : 0;
    return lines.slice(from).map((line, i) => `create ${name}#${from + i + 1} ${line}`);
  }
}

async function run(mode: "text" | "lines" | "follow", steps: readonly Step[]): Promise<void> {
  const follow = mode === "follow";
  const read = mode === "text" ? "text" : "lines";
  await using watched = await Watched.make({ read, follow, stable: "20ms" });
  const model = new Model(mode);
  const told: string[] = [];
  const keep = (): void => {
    for (const event of watched.context.emitted) told.push(watched.short(event).join(" "));
  };
  const all = (): string[] => [
    ...told,
    ...watched.context.emitted.map((event) => watched.short(event).join(" ")),
  ];

  await watched.start();
  for (const { deeds, life, after } of steps) {
    if (life === "stopped") await watched.stop();
    const dying = life.startsWith("dies");
    if (dying) {
      await watched.stop();
      keep();
      await watched.start({}, {}, (context) => mortal(context, life, after));
    }
    for (const [name, one] of deeds) await act(watched, model, name, one);
    model.rest();
    if (dying) await Promise.race([watched.ended.catch(() => undefined), reached(all, model.told.length)]);
    if (life !== "running") {
      await watched.stop().catch(() => undefined);
      keep();
      await watched.start();
    }
    await reached(all, model.told.length);
    await watched.settled();
    expect(all().toSorted(compare)).toEqual(model.told.toSorted(compare));
  }
  for (const name of NAMES) {
    const of = (events: readonly string[]): string[] =>
      events.filter((event) => event.split(/[ #]/)[1] === name);
    expect(of(all())).toEqual(of(model.told));
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

async function reached(all: () => string[], count: number): Promise<void> {
  await expect.poll(() => all().length, { timeout: 10_000, interval: 5 }).toBeGreaterThanOrEqual(count);
}

/** As if the machine died at an emission: before the journal has it, or before the input knows that it has. */
function mortal(context: InputContext, life: string, after: number): InputContext {
  let emissions = 0;
  const emitAll: InputContext["emitAll"] = async (events, options) => {
    emissions += 1;
    const dies = emissions > after;
    if (dies && life === "dies before a commit") throw new Error("dead");
    const receipts = await context.emitAll(events, options);
    if (dies) throw new Error("dead");
    return receipts;
  };
  return { ...context, emitAll };
}

async function act(watched: Watched, model: Model, name: Name, one: Deed): Promise<void> {
  const path = watched.path(name);
  const before = model.disk.get(name);
  if (one.type === "delete") {
    await rm(path, { force: true });
    model.disk.delete(name);
  } else if (one.type === "touch" || one.type === "rewrite") {
    if (before === undefined) return;
    // At once: on a busy machine the emptied file of an asynchronous write could rest, and be told.
    if (one.type === "rewrite") writeFileSync(path, before);
    await utimes(path, new Date(), new Date());
  } else if (one.type === "append") {
    const more = content(one.lines, one.ends);
    await appendFile(path, more);
    model.disk.set(name, (before ?? "") + more);
  } else {
    const text = content(one.lines, one.ends);
    if (one.type === "replace") {
      await writeFile(watched.path(`${name}.tmp`), text);
      await rename(watched.path(`${name}.tmp`), path);
    } else {
      writeFileSync(path, text);
    }
    model.disk.set(name, text);
  }
}

test.each(["text", "lines", "follow"] as const)(
  "whatever happens to files, and to the input, %s tells each change that the disk rested in, once, in its order",
  { timeout: 120_000 },
  async (mode) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 5 }), (steps) => run(mode, steps)),
      { numRuns: 12, endOnFailure: true },
    );
  },
);
