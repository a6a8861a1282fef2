import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isFinal, RUN_STATES, TRANSITIONS, type RunState } from "../../src/model/run.ts";

const page = readFileSync(join(import.meta.dirname, "../../docs/state-machine.md"), "utf8");
const inCode = RUN_STATES.flatMap((from) => TRANSITIONS[from].map((to) => `${from} → ${to}`)).toSorted();

function matches(pattern: RegExp): string[] {
  return [...page.matchAll(pattern)].map(([, from, to]) => `${from} → ${to}`).toSorted();
}

test("the diagram draws the transitions of the code", () => {
  expect(matches(/^ {2}([a-z]+) --> ([a-z]+)$/gm)).toEqual(inCode);
});

test("the table lists the transitions of the code", () => {
  expect(matches(/^\| ([a-z]+) \| ([a-z]+) \| .+ \|$/gm).filter((row) => row !== "from → to")).toEqual(
    inCode,
  );
});

test("diagram and table begin with the same states", () => {
  const drawn = [...page.matchAll(/^ {2}\[\*\] --> ([a-z]+)$/gm)].map(([, to]) => String(to)).toSorted();
  const listed = [...page.matchAll(/^\| \(new\) \| ([a-z]+) \|/gm)].map(([, to]) => String(to)).toSorted();
  expect(drawn).toEqual(listed);
  expect(drawn).toEqual(["dead", "queued", "waiting"]);
});

test("the states that the page calls final are those of the code", () => {
  const [, sentence = ""] = /^(.+) are final:/m.exec(page) ?? [];
  const named = [...sentence.matchAll(/`([a-z]+)`/g)].map(([, state]) => state as RunState);
  expect(named.toSorted()).toEqual(RUN_STATES.filter(isFinal).toSorted());
});
