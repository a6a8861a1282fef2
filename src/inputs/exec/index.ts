import { listenerEnvironment } from "../../child/environment.ts";
import { endListenersOf } from "../../child/leftovers.ts";
import { ownMark } from "../../child/proc.ts";
import { checkProgram, launchOf } from "../../child/program.ts";
import { sleep } from "../../model/clock.ts";
import type { Input, InputContext } from "../../model/component.ts";
import { parseDuration } from "../../model/duration.ts";
import { defineInput, type InputKind, type Surroundings } from "../../model/kind.ts";
import { createMask } from "../../model/mask.ts";
import { parseSize } from "../../model/size.ts";
import { readCursor } from "./cursor.ts";
import { Notes } from "./notes.ts";
import { execOptions, type ExecInputOptions, type Options } from "./options.ts";
import { createLineParser } from "./protocol.ts";
import { listenOnce } from "./session.ts";

export type { ExecInputOptions } from "./options.ts";

/**
 * Listens by a program in any language, which prints what it sees, a line each, and is told on its standard input when
 * that is durable. It is supervised: an exit code other than 0 is a failure of the input.
 */
export const execInput: InputKind<ExecInputOptions, Options, unknown> = defineInput({
  type: "exec",
  summary: "Listens by a program in any language, which prints its events a line each.",
  options: execOptions,
  secrets: ["env"],
  runsCode: true,
  create: createExecInput,
  async check(given, { directory }) {
    checkProgram(given, directory);
  },
});

function createExecInput(name: string, given: Options, { directory }: Surroundings): Input {
  const acknowledge = given.acknowledge ?? given.lines === "events";
  const killAfter = parseDuration(given.killAfter);
  const restartAfter = given.restartAfter === undefined ? undefined : parseDuration(given.restartAfter);
  const read = createLineParser(given);
  const mask = createMask(Object.values(given.env));

  async function listen(context: InputContext): Promise<void> {
    const { pipeline, journalId, state, log, clock, signal } = context;
    const identity = { input: name, pipeline, journal: journalId, owner: ownMark() };
    const cursor = await readCursor(state);
    if (signal.aborted) return;
    await listenOnce({
      context,
      launch: launchOf(given, directory, listenerEnvironment({ ...identity, cursor }, given.env)),
      read,
      acknowledge,
      failsOnUndecodable: given.onUndecodable === "fail",
      longestLine: parseSize(given.maxLine),
      killAfter,
      mask,
      notes: new Notes(log, clock, name),
    });
  }

  return {
    name,
    type: "exec",
    announcesReady: true,
    async handle(context) {
      const { signal, journalId, log, clock } = context;
      if (signal.aborted) return;
      const left = await endListenersOf({ journalId, input: name, grace: killAfter });
      if (left.length > 0) {
        const pids = left.map(({ pid }) => pid);
        log.warn({ input: name, pids }, "ended child processes that an earlier owner of the journal left");
      }
      while (!signal.aborted) {
        await listen(context);
        if (restartAfter === undefined) return;
        await sleep(clock, restartAfter, signal);
      }
    },
  };
}
