import { z } from "zod";
import { OPERATIONS } from "../../model/operation.ts";
import { RUN_STATES } from "../../model/run.ts";

/** The shapes that the API answers and takes, by the name that its description gives them. */

const time = z.iso.datetime();
const error = z.object({ code: z.string(), message: z.string() });
const count = z.int().min(0);

const Event = z.object({
  location: z.string(),
  operation: z.enum(OPERATIONS),
  id: z.string(),
  trigger: z.string(),
  uid: z.uuid(),
  time,
  key: z.string().optional(),
  data: z.unknown().optional(),
  headers: z.record(z.string(), z.string()).optional(),
  cause: z.object({ runs: z.array(z.string()), hops: count, traceparent: z.string().optional() }).optional(),
});

const Run = z.object({
  id: z.string(),
  event: z.uuid(),
  process: z.string(),
  state: z.enum(RUN_STATES),
  attempts: count,
  dueAt: time.nullable(),
  startedAt: time.nullable(),
  finishedAt: time.nullable(),
  error: error.nullable(),
  replayOf: z.string().nullable(),
});

const RunDetail = Run.extend({ data: z.unknown().optional() });

const Input = z.object({
  name: z.string(),
  type: z.string(),
  state: z.enum(["starting", "running", "backing off", "paused", "standby", "failed", "finished", "stopped"]),
  restarts: count,
  lastEventAt: time.nullable(),
  lastError: error.nullable(),
  silent: z.boolean(),
  lag: z
    .object({
      at: time,
      events: count.nullable(),
      bytes: count.nullable(),
      oldest: time.nullable(),
      retained: count.nullable(),
      details: z.record(z.string(), z.union([z.string(), z.number()])),
    })
    .nullable(),
});

const Process = z.object({
  name: z.string(),
  type: z.string(),
  state: z.enum(["running", "backing off", "paused", "draining", "stopped"]),
  concurrency: count,
  running: count,
  abandoned: count,
  lastError: error.nullable(),
  runs: z.partialRecord(z.enum(RUN_STATES), count),
});

const Attempt = z.object({
  attempt: z.int().min(1),
  fence: count,
  version: count,
  startedAt: time,
  finishedAt: time.nullable(),
  outcome: z.enum(["running", "succeeded", "failed", "cancelled", "released", "abandoned", "postponed"]),
  error: error.nullable(),
});

const LogLine = z.object({
  time,
  attempt: z.int().min(1),
  stream: z.enum(["log", "stdout", "stderr", "progress"]),
  text: z.string(),
});

const DeadLetterGroup = z.object({
  fingerprint: z.string(),
  process: z.string(),
  error,
  count: z.int().min(1),
  firstSeen: time,
  lastSeen: time,
  newest: Run,
  samples: z.array(z.string()),
});

const Graph = z.object({
  nodes: z.array(
    z.object({
      id: z.string(),
      role: z.enum(["input", "process", "dataset"]),
      name: z.string(),
      type: z.string(),
    }),
  ),
  edges: z.array(
    z.object({
      from: z.string(),
      to: z.string(),
      kind: z.enum(["link", "reads", "writes"]),
      operations: z.array(z.string()).optional(),
      locations: z.array(z.string()).optional(),
      when: z.string().optional(),
      loop: z.boolean().optional(),
    }),
  ),
});

const Pipeline = z.object({
  name: z.string(),
  state: z.enum(["new", "starting", "running", "stopping", "stopped"]),
  version: count.nullable(),
  managedBy: z.enum(["file", "api"]).nullable(),
  mayChange: z.boolean(),
  journal: z.object({
    id: z.string().nullable(),
    epoch: z.int().nullable(),
    durable: z.boolean(),
    healthy: z.boolean(),
  }),
  openRuns: count,
  config: z.unknown(),
  role: z.enum(["viewer", "operator", "admin"]),
});

const ComponentChange = z.object({
  action: z.enum(["add", "remove", "change"]),
  role: z.enum(["input", "process", "link"]),
  name: z.string(),
  type: z.string().nullable(),
  options: z.array(z.object({ option: z.string(), before: z.unknown(), after: z.unknown() })),
  restarts: z.boolean(),
  openRuns: count,
  running: count,
});

const Plan = z.object({
  version: count,
  changes: z.array(ComponentChange),
  atStart: z.array(z.string()),
  undecided: z.array(z.string()),
  localOnly: z.array(z.string()),
  warnings: z.array(z.string()),
});

/** One of `source`, `config` and `rollback`. */
const Proposal = z.strictObject({
  source: z.string().optional(),
  format: z.enum(["toml", "yaml", "json"]).default("toml"),
  config: z.record(z.string(), z.unknown()).optional(),
  rollback: z.int().min(1).nullable().optional(),
  file: z.string().optional(),
});

const Version = z.object({
  version: count,
  hash: z.string(),
  at: time,
  by: z.string(),
  how: z.string(),
  current: z.boolean(),
});

const NewEvent = z.strictObject({
  trigger: z.string().optional(),
  location: z.string().optional(),
  operation: z.string().optional(),
  id: z.string().optional(),
  uid: z.uuid().optional(),
  time: z.string().optional(),
  key: z.string().optional(),
  data: z.unknown().optional(),
  headers: z.record(z.string(), z.string()).optional(),
});

const Replay = z.strictObject({ data: z.unknown().optional() });

const BulkReplay = z.strictObject({
  filter: z.strictObject({
    state: z.enum(["dead", "cancelled", "succeeded"]).optional(),
    process: z.string().optional(),
    event: z.uuid().optional(),
    input: z.string().optional(),
    since: time.optional(),
    until: time.optional(),
    text: z.string().optional(),
    fingerprint: z.string().optional(),
  }),
  dryRun: z.boolean().optional(),
  rate: z.string().optional(),
});

const EventReplay = z.strictObject({
  filter: z.strictObject({
    input: z.string().optional(),
    location: z.string().optional(),
    key: z.string().optional(),
    operation: z.string().optional(),
    since: time.optional(),
    until: time.optional(),
  }),
  to: z.string(),
  rate: z.string().optional(),
  dryRun: z.boolean().optional(),
  again: z.boolean().optional(),
  unlinked: z.boolean().optional(),
});

const Nothing = z.strictObject({});

const Problem = z.object({
  type: z.literal("about:blank"),
  title: z.string(),
  status: z.int(),
  code: z.string(),
  detail: z.string(),
});

export type SchemaName =
  | "Applied"
  | "Apply"
  | "Audit"
  | "Backfill"
  | "Attempt"
  | "Attempts"
  | "BulkReplay"
  | "DeadLetterGroup"
  | "DeadLetters"
  | "Emitted"
  | "Event"
  | "EventReplay"
  | "Events"
  | "Forget"
  | "Forgotten"
  | "Graph"
  | "Input"
  | "Inputs"
  | "Journey"
  | "LogLine"
  | "Logs"
  | "NewEvent"
  | "Nothing"
  | "Pipeline"
  | "Plan"
  | "Proposal"
  | "VersionDetail"
  | "Versions"
  | "Problem"
  | "Process"
  | "Processes"
  | "Replay"
  | "Replayed"
  | "Run"
  | "RunDetail"
  | "RunOutcome"
  | "Runs"
  | "Status"
  | "SurveyLine"
  | "Text"
  | "Whatever";

export const SCHEMAS: Readonly<Record<SchemaName, z.ZodType>> = {
  Applied: z.object({ version: count, changed: z.boolean(), plan: Plan, leaving: z.array(z.string()) }),
  Apply: Proposal.extend({ open: z.enum(["drain", "cancel"]).optional() }),
  Attempt,
  Attempts: listOf(Attempt),
  Audit: z.strictObject({
    table: z.string().optional(),
    where: z.string().optional(),
    rate: z.string().optional(),
    data: z.boolean().optional(),
    repair: z.boolean().optional(),
  }),
  Backfill: z.strictObject({
    table: z.string().optional(),
    where: z.string().optional(),
    rate: z.string().optional(),
    restart: z.boolean().optional(),
  }),
  BulkReplay,
  DeadLetters: listOf(DeadLetterGroup),
  DeadLetterGroup,
  Emitted: z.object({
    uid: z.uuid().optional(),
    duplicate: z.literal(true).optional(),
    filtered: z.literal(true).optional(),
  }),
  Event,
  EventReplay,
  Events: listOf(Event),
  Forget: z.strictObject({ key: z.string().min(1) }),
  Forgotten: z.object({ events: count, open: count }),
  Graph,
  Input,
  Inputs: listOf(Input),
  Journey: z.object({ event: Event, runs: z.array(Run), caused: z.array(Event) }),
  LogLine,
  Logs: listOf(LogLine),
  NewEvent,
  Nothing,
  Pipeline,
  Plan,
  Problem,
  Process,
  Processes: listOf(Process),
  Proposal,
  Replay,
  Replayed: z.object({ matched: count, replayed: count }),
  Run,
  RunDetail,
  RunOutcome: z.object({ id: z.string(), ok: z.literal(true), run: z.string().optional() }),
  Runs: listOf(Run),
  SurveyLine: z.union([
    z.object({
      progress: z.object({ location: z.string(), done: count, total: count.nullable() }).nullable(),
    }),
    z.object({ report: z.unknown() }),
    z.object({ error }),
  ]),
  Status: z.object({ status: z.string() }),
  Text: z.string(),
  VersionDetail: Version.extend({
    config: z.unknown(),
    source: z.object({ text: z.string(), format: z.enum(["toml", "yaml", "json"]) }).nullable(),
  }),
  Versions: listOf(Version),
  Whatever: z.unknown(),
};

function listOf(row: z.ZodType): z.ZodType {
  return z.object({ items: z.array(row), next: z.string().nullable() });
}
