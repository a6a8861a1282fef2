import { expect, test } from "vitest";
import { judge, type Circumstances } from "./verdict.ts";
import type { Job, Pod } from "./objects.ts";

const about: Circumstances = {
  main: "main",
  image: "i",
  tail: [],
  mask: (text) => text.replaceAll("secret", "***"),
  permanentExitCodes: [65],
  interruptions: 3,
};
const metadata = { name: "n", uid: "u", resourceVersion: "1" };
const failed = (reason: string, message = ""): Job => ({
  metadata,
  status: { conditions: [{ type: "Failed", status: "True", reason, message }] },
});
const pod = (status: Pod["status"]): Pod => ({ metadata, ...(status && { status }) });
const ended = (name: string, terminated: { exitCode: number; message?: string }): Pod["status"] => ({
  containerStatuses: [
    { name: "main", state: { running: {} } },
    { name, state: { terminated } },
  ],
});

test.each<[string, Job, Pod | undefined, object]>([
  [
    "its pod is gone, and the Job says by which code it ended",
    failed(
      "PodFailurePolicy",
      "Container main for pod a/b failed with exit code 65 matching FailJob rule at index 1",
    ),
    undefined,
    { name: "PermanentError", code: "PROCESS_EXIT" },
  ],
  [
    "its pod is gone, and the Job says that the cluster ended it",
    failed("PodFailurePolicy", "Pod a/b has condition DisruptionTarget matching FailJob rule at index 0"),
    undefined,
    { name: "Postponed", code: "EVICTED", limit: 3 },
  ],
  [
    "its pod is gone without a word",
    failed("BackoffLimitExceeded"),
    undefined,
    { name: "Postponed", code: "JOB_LOST" },
  ],
  ["it took too long", failed("DeadlineExceeded"), undefined, { name: "SluiceError", code: "TIMEOUT" }],
  [
    "its node shut down before it ran",
    failed("BackoffLimitExceeded"),
    pod({ phase: "Failed", reason: "NodeShutdown" }),
    { name: "Postponed", code: "NODE_LOST" },
  ],
  [
    "another container failed",
    failed("BackoffLimitExceeded"),
    pod(ended("side", { exitCode: 4, message: "a secret" })),
    { code: "PROCESS_EXIT", message: 'the container "side" beside i ended with exit code 4\na ***' },
  ],
  [
    "the cluster ended it, whatever its program made of that",
    failed("PodFailurePolicy"),
    pod({
      ...ended("main", { exitCode: 65 }),
      conditions: [{ type: "DisruptionTarget", status: "True", reason: "PreemptionByScheduler" }],
    }),
    { name: "Postponed", code: "PREEMPTED" },
  ],
])("a Job fails accordingly when %s", (_, job, its, error) => {
  expect(judge(job, its, about)).toMatchObject({ state: "failed", error });
});

test("a Job that is complete succeeded, whatever became of its pod", () => {
  const job: Job = { metadata, status: { conditions: [{ type: "Complete", status: "True" }] } };
  expect(judge(job, undefined, about)).toEqual({ state: "succeeded" });
});

test("a condition that does not hold says nothing", () => {
  const job: Job = { metadata, status: { conditions: [{ type: "Failed", status: "False" }] } };
  expect(judge(job, undefined, about)).toEqual({ state: "pending", why: undefined });
});
