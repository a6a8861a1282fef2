import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { commandProcess } from "../../processes/command.ts";
import { webhookProcess } from "../../processes/webhook.ts";
import { functionProcess } from "../../processes/function/index.ts";
import type { Process, RunInfo } from "../../model/component.ts";
import { PermanentError } from "../../model/errors.ts";
import { processConformance, type ProcessSubject } from "./conformance.ts";

const SCRIPT = `let body = "";
  process.stdin.on("data", (part) => (body += part)).on("end", () => {
    const { id } = JSON.parse(body);
    console.log(id);
    if (id === "fails") process.exit(3);
    if (id === "never") process.exit(4);
    if (id === "floods") process.stdout.write("y\\n".repeat(1_000_000));
    if (id === "lasts") setInterval(() => undefined, 1000);
  });`;

async function command(): Promise<ProcessSubject> {
  const directory = await mkdtemp(join(tmpdir(), "sluice-conformance-"));
  return {
    process: commandProcess({
      name: "command",
      argv: [process.execPath, "-e", SCRIPT],
      cwd: directory,
      permanentExitCodes: [4],
    }),
    succeeds: { id: "succeeds" },
    fails: { id: "fails" },
    never: { id: "never" },
    floods: { id: "floods" },
    lasts: { id: "lasts" },
    close: () => rm(directory, { recursive: true }),
  };
}

const STATUS: Readonly<Record<string, number>> = { fails: 500, never: 422 };

/** The receiver does what a receiver should with the idempotency key. */
async function webhook(): Promise<ProcessSubject> {
  const seen = new Map<string, number>();
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (part) => (body += part));
    request.on("end", () => {
      const { id } = JSON.parse(body) as { id: string };
      if (id === "lasts") return;
      seen.set(String(request.headers["idempotency-key"]), 1);
      response.writeHead(STATUS[id] ?? 200).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return {
    process: webhookProcess({ name: "webhook", url, allowPrivate: true }),
    succeeds: { id: "succeeds" },
    fails: { id: "fails" },
    never: { id: "never" },
    lasts: { id: "lasts" },
    effects: ({ id }) => seen.get(id) ?? 0,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

const MODULE = `
  import { setTimeout as pause } from "node:timers/promises";
  import { PermanentError } from ${JSON.stringify(new URL("../../model/errors.ts", import.meta.url).href)};
  export default async function run({ id }, { signal }) {
    signal.throwIfAborted();
    if (id === "fails") throw new Error("as told");
    if (id === "never") throw new PermanentError("there is no such customer");
    if (id === "lasts") await pause(60_000, undefined, { signal });
  }`;

async function ofModule(isolate: "thread" | undefined): Promise<ProcessSubject> {
  const directory = await mkdtemp(join(tmpdir(), "sluice-conformance-"));
  const module = join(directory, "work.mjs");
  await writeFile(module, MODULE);
  return {
    process: functionProcess({ name: "function", module, ...(isolate && { isolate }) }),
    succeeds: { id: "succeeds" },
    fails: { id: "fails" },
    never: { id: "never" },
    lasts: { id: "lasts" },
    close: () => rm(directory, { recursive: true }),
  };
}

/** A process written by hand, whose effect is a line in a ledger. */
function byHand(work: (ledger: string[]) => Process["run"]): () => ProcessSubject {
  return () => {
    const ledger: string[] = [];
    const effects = ({ id }: RunInfo): number => ledger.filter((line) => line === id).length;
    return {
      process: { name: "mine", run: work(ledger) },
      succeeds: { id: "succeeds" },
      fails: { id: "fails" },
      never: { id: "never" },
      floods: { id: "floods" },
      lasts: { id: "lasts" },
      effects,
      // Its job is its line in the ledger.
      reattaches: { leave: async ({ run }) => void ledger.push(run.id), starts: effects },
    };
  };
}

const right = byHand((ledger) => async (event, { run, signal, log }) => {
  signal.throwIfAborted();
  if (event.id === "floods") log("y".repeat(1_000));
  if (event.id === "fails") throw new Error("as told");
  if (event.id === "never") throw new PermanentError("as told");
  if (event.id === "lasts") await pause(60_000, undefined, { signal });
  if (!ledger.includes(run.id)) ledger.push(run.id);
});

describe.each([
  ["command", command],
  ["webhook", webhook],
  ["function", () => ofModule(undefined)],
  ["function in a thread", () => ofModule("thread")],
  ["one written by hand", right],
] as const)("the process %s", (_, create) => {
  test.each(processConformance({ create }))("$name", async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});

describe("the suite finds a process that", () => {
  const wrong: readonly [string, string, Parameters<typeof byHand>[0]][] = [
    ["fails always", "succeeds on", () => () => Promise.reject(new Error("no"))],
    ["answers fail", "succeeds on", () => () => ({ name: "mine", status: "fail" })],
    ["hides its failure", "rejects, or answers fail", () => () => undefined],
    ["ignores its signal", "ends, and not in success", () => () => new Promise(() => undefined)],
    [
      "does not say why it failed",
      "rejects, or answers fail",
      // oxlint-disable-next-line unicorn/error-message -- that is what is wrong with it
      () => () => Promise.reject(new Error()),
    ],
    ["rejects with no error", "rejects, or answers fail", () => () => Promise.reject("no")],
    ["tries in vain", "trying again cannot help", () => () => Promise.reject(new Error("as told"))],
    [
      "keeps all that is written",
      "keeps no more of its output",
      () =>
        (_, { log }) => {
          for (let line = 0; line < 30_000; line++) log("y");
        },
    ],
    [
      "keeps lines without end",
      "keeps no more of its output",
      () =>
        (_, { log }) =>
          log("y".repeat(3_000_000)),
    ],
    [
      "ends all when one must end",
      "ends only the run",
      () => {
        const all = new AbortController();
        return async (_, { signal }) => {
          signal.addEventListener("abort", () => all.abort());
          await pause(60_000, undefined, { signal: all.signal });
        };
      },
    ],
    [
      "starts a second job beside the one that was left",
      "finds the job again",
      (ledger) =>
        (_, { run }) =>
          void ledger.push(run.id),
    ],
    [
      "calls an abort a success",
      "ends, and not in success",
      () =>
        (_, { signal }) =>
          new Promise((resolve) => signal.addEventListener("abort", () => resolve())),
    ],
    ["begins though it must not", "does not begin", () => () => undefined],
    [
      "goes on after its end",
      "says nothing more",
      () =>
        (_, { log }) =>
          void setImmediate(() => log("late")),
    ],
    [
      "works twice for a run",
      "has its effect once",
      (ledger) =>
        (_, { run }) =>
          void ledger.push(run.id),
    ],
    [
      "works on one at a time",
      "many events at once",
      () => {
        let busy = false;
        return async () => {
          if (busy) throw new Error("busy");
          busy = true;
          await pause(1);
          busy = false;
        };
      },
    ],
  ];

  test.each(wrong)("%s", async (_, name, work) => {
    const suite = processConformance({ create: byHand(work), patience: 100 });
    const found = suite.find((one) => one.name.includes(name));
    await expect(found?.run()).rejects.toThrow(Error);
  });
});
