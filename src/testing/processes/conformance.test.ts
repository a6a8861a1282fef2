import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { commandProcess } from "../../processes/command.ts";
import { webhookProcess } from "../../processes/webhook.ts";
import type { Process } from "../../model/component.ts";
import { processConformance, type ProcessSubject } from "./conformance.ts";

const SCRIPT = `let body = "";
  process.stdin.on("data", (part) => (body += part)).on("end", () => {
    const { id } = JSON.parse(body);
    console.log(id);
    if (id === "fails") process.exit(3);
    if (id === "lasts") setInterval(() => undefined, 1000);
  });`;

async function command(): Promise<ProcessSubject> {
  const directory = await mkdtemp(join(tmpdir(), "sluice-conformance-"));
  return {
    process: commandProcess({ name: "command", argv: [process.execPath, "-e", SCRIPT], cwd: directory }),
    succeeds: { id: "succeeds" },
    fails: { id: "fails" },
    lasts: { id: "lasts" },
    close: () => rm(directory, { recursive: true }),
  };
}

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
      response.writeHead(id === "fails" ? 500 : 200).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return {
    process: webhookProcess({ name: "webhook", url, allowPrivate: true }),
    succeeds: { id: "succeeds" },
    fails: { id: "fails" },
    lasts: { id: "lasts" },
    effects: ({ id }) => seen.get(id) ?? 0,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** A process written by hand, whose effect is a line in a ledger. */
function byHand(work: (ledger: string[]) => Process["run"]): () => ProcessSubject {
  return () => {
    const ledger: string[] = [];
    return {
      process: { name: "mine", run: work(ledger) },
      succeeds: { id: "succeeds" },
      fails: { id: "fails" },
      lasts: { id: "lasts" },
      effects: ({ id }) => ledger.filter((line) => line === id).length,
    };
  };
}

const right = byHand((ledger) => async (event, { run, signal }) => {
  signal.throwIfAborted();
  if (event.id === "fails") throw new Error("as told");
  if (event.id === "lasts") await pause(60_000, undefined, { signal });
  if (!ledger.includes(run.id)) ledger.push(run.id);
});

describe.each([
  ["command", command],
  ["webhook", webhook],
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
