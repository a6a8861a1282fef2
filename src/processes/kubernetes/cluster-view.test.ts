import type { IncomingMessage } from "node:http";
import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { createFakeClock, type FakeClock } from "../../testing/clock.ts";
import { ApiError, type Api } from "./api.ts";
import { createClusterView, type OpenView } from "./cluster-view.ts";
import type { ApiObject, Job } from "./objects.ts";

const JOB: Job = { metadata: { name: "one", uid: "1", resourceVersion: "5" } };

/** An API server that leaves out of its watches whatever a test leaves out. */
interface Forgetful {
  readonly api: Api;
  jobs: Job[];
  /** Lists of Jobs that were made, and the versions from which they were watched. */
  lists: number;
  readonly watched: string[];
  /** Refuses the next watch of Jobs so. */
  refusal: number | undefined;
  /** Says something by the watch of Jobs that is open. */
  say(type: string, object: object): void;
  end(): void;
}

function forgetful(): Forgetful {
  let open: PassThrough | undefined;
  const server: Forgetful = {
    jobs: [],
    lists: 0,
    watched: [],
    refusal: undefined,
    say: (type, object) => void open?.write(`${JSON.stringify({ type, object })}\n`),
    end: () => void open?.end(),
    api: {
      server: "https://any",
      namespace: "shop",
      close: () => undefined,
      call<Answer>({ resource }: { resource: string }) {
        if (resource === "jobs") server.lists += 1;
        const items: readonly ApiObject[] = resource === "jobs" ? server.jobs : [];
        return Promise.resolve({ metadata: { resourceVersion: "10" }, items } as Answer);
      },
      async stream(request, signal) {
        const { resource, query } = request;
        const stream = new PassThrough();
        signal.addEventListener("abort", () => stream.destroy());
        if (resource === "jobs") {
          server.watched.push(query?.["resourceVersion"] ?? "");
          const status = server.refusal;
          server.refusal = undefined;
          if (status !== undefined) throw new ApiError("no", request, { status });
          open = stream;
        }
        return stream as unknown as IncomingMessage;
      },
    },
  };
  return server;
}

const open = (server: Forgetful, clock: FakeClock): Promise<OpenView> =>
  createClusterView().open(server.api, clock, {});
const SOON = { interval: 5 };

test("a Job that was made and deleted between two lists is missed by the next, and who waits is woken", async () => {
  const server = forgetful();
  const view = await open(server, createFakeClock());
  const mine = view.of(JOB, () => undefined);
  expect(mine.job).toBe(JOB);
  const changed = mine.changed();
  await expect.poll(() => server.watched, SOON).toHaveLength(1);
  server.say("ERROR", { code: 410, message: "too old" });
  await changed;
  expect(mine.job).toBeUndefined();
  view.close();
});

test("what a watch leaves out is found by a list after five minutes", async () => {
  const server = forgetful();
  server.jobs = [JOB];
  const clock = createFakeClock();
  const view = await open(server, clock);
  const mine = view.of(JOB, () => undefined);
  await expect.poll(() => server.watched, SOON).toHaveLength(1);
  server.jobs = [{ ...JOB, status: { conditions: [{ type: "Complete", status: "True" }] } }];
  server.end();
  await expect.poll(() => server.watched, SOON).toHaveLength(2);
  expect(server.lists).toBe(1);
  await clock.advance(5 * 60_000);
  const conditions = async (): Promise<unknown> => {
    await clock.advance(1_000);
    return mine.job?.status?.conditions ?? [];
  };
  await expect.poll(conditions, SOON).toHaveLength(1);
  expect(server.lists).toBe(2);
  view.close();
});

test.each([
  [504, 2],
  [503, 1],
])("a watch that is refused by %i is begun anew after %i lists in all", async (status, lists) => {
  const server = forgetful();
  server.refusal = status;
  const clock = createFakeClock();
  const view = await open(server, clock);
  await expect.poll(() => clock.timers, SOON).toBeGreaterThan(0);
  await clock.advance(1_000);
  await expect.poll(() => server.watched, SOON).toEqual(["10", "10"]);
  expect(server.lists).toBe(lists);
  view.close();
});
