// The orchestrator's own OS process: made to be killed. Talks to the test over its IPC channel.
import { setTimeout as delay } from "node:timers/promises";
import { Orchestrator, type JournalDriver, type Process } from "../../src/index.ts";
import type { Journal } from "../../src/journal/journal.ts";
import type { Commit, Work } from "../../src/journal/work.ts";
import { journalFrom } from "../../src/journal/open.ts";
import type { Failpoint, FromHost, HostOptions, HostProcess, ToHost } from "./protocol.ts";

const options = JSON.parse(process.argv[2] as string) as HostOptions;
const passes = new Map<Failpoint, number>();

function pass(name: Failpoint): void {
  if (options.failpoint?.name !== name) return;
  const count = (passes.get(name) ?? 0) + 1;
  passes.set(name, count);
  if (count === options.failpoint.nth) process.kill(process.pid, "SIGKILL");
}

/** Resolves when the message is in the pipe: there it outlives this process. */
function send(message: FromHost): Promise<void> {
  return new Promise((resolve) => process.send?.(message, () => resolve()));
}

function withFailpoints(driver: JournalDriver): JournalDriver {
  return {
    location: driver.location,
    async open(surroundings) {
      const journal = await driver.open(surroundings);
      const work: Work = {
        suspects: (concurrency) => journal.work.suspects(concurrency),
        takeSuspect: (run) => journal.work.takeSuspect(run),
        admit: () => journal.work.admit(),
        readState: (owner, key) => journal.work.readState(owner, key),
        hops: (uids) => journal.work.hops(uids),
        async take(name, atMost, signal) {
          const claims = await journal.work.take(name, atMost, signal);
          if (claims.length > 0) pass("take: claimed, not started");
          return claims;
        },
        commit: (commit) => commitWithFailpoints(journal.work, commit),
      };
      return delegate(journal, work);
    },
  };
}

async function commitWithFailpoints(work: Work, commit: Commit): ReturnType<Work["commit"]> {
  if (commit.append !== undefined) pass("emit: before the journal's write");
  const written = work.commit(commit);
  // The writer is another thread: by the next turn it is most likely in the midst of it.
  if (commit.append !== undefined) setImmediate(() => pass("emit: in the journal's write"));
  if (commit.settle !== undefined) setImmediate(() => pass("settle: in the journal's write"));
  const result = await written;
  if (commit.append !== undefined) pass("emit: written, not acknowledged");
  if (commit.settle !== undefined) pass("settle: written");
  return result;
}

function delegate(journal: Journal, work: Work): Journal {
  return {
    id: journal.id,
    epoch: journal.epoch,
    capabilities: journal.capabilities,
    stoppedCleanly: journal.stoppedCleanly,
    coordination: journal.coordination,
    history: journal.history,
    openRuns: () => journal.openRuns(),
    health: () => journal.health(),
    close: () => journal.close(),
    work,
  };
}

function toProcess({ name, takes = 0, deaf = false, order }: HostProcess): Process<{ n: number }> {
  return {
    name,
    settings: { concurrency: 8, retry: { initial: 10 }, ...(order && { order }) },
    async run(event, { run, attempt, fence, signal }) {
      const { key, data } = event;
      await send({ type: "started", run: run.id, attempt, fence, key, n: data.n });
      pass("run: started");
      if (takes > 0) await delay(takes, undefined, deaf ? {} : { signal });
      await send({ type: "done", run: run.id, key, n: data.n });
      pass("run: done, outcome not written");
    },
  };
}

const orchestrator = new Orchestrator({
  journal: withFailpoints(journalFrom(`sqlite:${options.journal}`)),
  grace: options.grace ?? 2_000,
});
orchestrator.onError((error) => void send({ type: "error", code: error.code, message: error.message }));
orchestrator.addInput({
  name: "in",
  async handle({ signal }) {
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  },
});
for (const each of options.processes) {
  orchestrator.addProcess(toProcess(each));
  orchestrator.addLink("in", each.name);
}

process.on("message", (message: ToHost) => {
  const { uid, key, n } = message;
  orchestrator.emit("in", { uid, key, operation: "create", data: { n } }).then(
    ({ duplicate }) => send({ type: "acknowledged", uid, duplicate }),
    (error: unknown) => send({ type: "refused", uid, code: String((error as { code?: string }).code) }),
  );
});
// Without the test there is nothing to live for.
process.on("disconnect", () => orchestrator.state === "stopped" || process.exit(1));

const running = orchestrator.run();
running.then(
  () => process.disconnect?.(),
  (error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    process.exit(1);
  },
);
while (orchestrator.state === "new" || orchestrator.state === "starting") await delay(1);
await send({ type: "ready" });
