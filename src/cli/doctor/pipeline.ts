import { existsSync } from "node:fs";
import type { Listen } from "../../config/listen.ts";
import type { Pipeline, PipelineInput, PipelineProcess } from "../../config/pipeline.ts";
import { listen } from "../../http/listen.ts";
import { findOwnerSocket } from "../../http/owner-socket.ts";
import { openHistory } from "../../journal/sqlite/open-history.ts";
import { toLagRow } from "../../engine/rows.ts";
import { isSluiceError, toErrorRecord } from "../../model/errors.ts";
import type { CheckReport } from "../../model/kind.ts";
import { lagText } from "../lag.ts";
import { failed, ok, warning, type Finding } from "./finding.ts";

export interface JournalFindings {
  readonly findings: readonly Finding[];
  readonly isRunning: boolean;
  /** The time of the newest event, in milliseconds since 1970. */
  readonly newest: number | undefined;
}

/** Reads all of the journal: damage is found here, and not by the run that needs the page. */
export async function checkJournal(path: string): Promise<JournalFindings> {
  if (!existsSync(path)) {
    const findings = [ok("journal", `${path} is not there yet; the first start makes it`)];
    return { findings, isRunning: false, newest: undefined };
  }
  const isRunning = (await findOwnerSocket(path)) !== undefined;
  try {
    const journal = openHistory(path);
    try {
      const damage = journal.check();
      const { items } = await journal.history.events({ limit: 1 });
      const newest = items[0] === undefined ? undefined : Date.parse(items[0].time);
      const groups = await journal.history.deadLetters();
      const findings = [
        damage[0] === undefined
          ? ok("journal", `${path} is whole, and its pipeline is ${isRunning ? "running" : "stopped"}`)
          : failed(
              "journal",
              `${path} is damaged: ${damage[0]}`,
              "stop, keep a copy of it, and restore a backup",
            ),
        ...deadRuns(groups.reduce((sum, { count }) => sum + count, 0)),
      ];
      return { findings, isRunning, newest };
    } finally {
      journal.close();
    }
  } catch (error) {
    const finding = failed(
      "journal",
      toErrorRecord(error).message,
      "keep a copy of it, and restore a backup",
    );
    return { findings: [finding], isRunning, newest: undefined };
  }
}

function deadRuns(count: number): readonly Finding[] {
  if (count === 0) return [];
  return [
    warning(
      "dead runs",
      `${count} runs are dead`,
      "see why by `sluice runs --state dead`, mend it, then `sluice replay --state dead`",
    ),
  ];
}

/** Whether what the pipeline listens on can be had; a running one has it. */
export async function checkPorts(
  { http, hooks }: Pick<Pipeline, "http" | "hooks">,
  isRunning: boolean,
): Promise<readonly Finding[]> {
  const listeners = [
    ...(http === null ? [] : [["http", http] as const]),
    ...(hooks === null ? [] : [["hooks", hooks] as const]),
  ];
  return Promise.all(listeners.map(([name, address]) => checkPort(name, address, isRunning)));
}

async function checkPort(name: string, { host, port }: Listen, isRunning: boolean): Promise<Finding> {
  const check = `port of ${name}`;
  if (isRunning) return ok(check, `${host}:${port} is that of the running pipeline`);
  try {
    const listener = await listen(() => new Response(), { host, port });
    await listener.close(0);
    return ok(check, `${host}:${port} is free`);
  } catch (error) {
    const { message } = toErrorRecord(error);
    return failed(check, message, `change listen under [${name}], or stop what listens there`);
  }
}

/** Each component's own check, all at once; one that takes too long has failed. */
export async function checkComponents(pipeline: Pipeline, timeout: number): Promise<readonly Finding[]> {
  const components = [...pipeline.inputs, ...pipeline.processes];
  const found = await Promise.all(
    components.flatMap((component) =>
      component.made?.kind.check === undefined ? [] : [checkComponent(component, pipeline, timeout)],
    ),
  );
  return found.flat();
}

async function checkComponent(
  { role, name, type, made }: PipelineInput | PipelineProcess,
  { directory, redact, name: pipeline }: Pipeline,
  timeout: number,
): Promise<readonly Finding[]> {
  const check = `${role} ${name}`;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${timeout / 1_000} s`)), timeout);
  });
  try {
    const surroundings = { directory, owner: { name, pipeline } };
    const report = await Promise.race([made?.kind.check?.(made.options as never, surroundings), late]);
    return [ok(check, `what ${type} needs is there`), ...describeReport(check, report ?? {}, redact)];
  } catch (error) {
    const { code, message } = toErrorRecord(error);
    return [failed(check, redact(`${code} ${message}`), cureOf(error, code, type))];
  } finally {
    clearTimeout(timer);
  }
}

function describeReport(
  check: string,
  { lag, notes = [] }: CheckReport,
  redact: (text: string) => string,
): readonly Finding[] {
  const now = Date.now();
  const waiting = lag === undefined ? undefined : lagText(toLagRow(lag, now), new Date(now).toISOString());
  return [
    ...(waiting === undefined ? [] : [ok(check, `waiting at its source: ${waiting}`)]),
    ...notes.map(({ message, cure }) =>
      cure === undefined ? ok(check, redact(message)) : warning(check, redact(message), redact(cure)),
    ),
  ];
}

const CURES: Readonly<Record<string, string>> = {
  MISSING_DEPENDENCY: "install what the message names",
  MODULE_NOT_FOUND: "mend what the message names; the module's path starts from the config file's folder",
  COMMAND_NOT_FOUND: "install the command, give its whole path, or make it executable",
  SOURCE_UNAVAILABLE: "start it, or correct the address and credentials; is a firewall between?",
  NETWORK: "start it, or correct the address; is a firewall between?",
};

/** What its kind says, else what mostly helps. */
function cureOf(error: unknown, code: string, type: string): string {
  if (isSluiceError(error) && typeof error.details["cure"] === "string") return error.details["cure"];
  return CURES[code] ?? `see what the reference says of the options of ${type}`;
}
