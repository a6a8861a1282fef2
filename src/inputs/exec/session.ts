import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { DataLines, type DataLine } from "../../child/data-lines.ts";
import { exitError } from "../../child/exit.ts";
import { endGroup, groupLives, registerGroup } from "../../child/group.ts";
import { createLineReader, createTail } from "../../child/lines.ts";
import type { Launch } from "../../child/program.ts";
import { spawnChild } from "../../child/spawn.ts";
import { sleep, waitAtMost } from "../../model/clock.ts";
import type { InputContext } from "../../model/component.ts";
import { SluiceError, type ErrorRecord } from "../../model/errors.ts";
import { printable } from "../../model/printable.ts";
import { Delivery } from "./delivery.ts";
import type { Notes } from "./notes.ts";
import type { ReadLine } from "./protocol.ts";

export interface SessionOptions {
  readonly context: InputContext;
  readonly launch: Launch;
  readonly read: ReadLine;
  readonly acknowledge: boolean;
  readonly failsOnUndecodable: boolean;
  /** Bytes. */
  readonly longestLine: number;
  /** Milliseconds between SIGTERM and SIGKILL. */
  readonly killAfter: number;
  readonly mask: (text: string) => string;
  readonly notes: Notes;
}

/** Characters of a line of the log. */
const LONGEST_NOTE = 7_500;
/** Characters of a refused line that the log shows. */
const SHOWN = 200;
/** Last lines of standard error that an error tells. */
const TAIL = 5;
/** Answers that a program may leave unread, in bytes, and then for how long it may do so. */
const UNREAD = 1024 * 1024;
const PATIENCE = 60_000;
/** How long a commit may take to be answered once the input must end. */
const LAST_ANSWER = 1_000;
/** How long a program may run on once it has closed its standard output. */
const LAST_WORD = 5_000;
/** Standard output that is silent for so long after everybody of the group is gone is held by somebody outside it. */
const DRAIN = 200;
/** So many times as long somebody outside it who goes on printing is listened to, and how many once the input must end. */
const OUTSIDERS = 50;
const OUTSIDERS_AT_END = 5;
/** More bytes than a pipe holds: what comes after them was not printed by the program. */
const IN_PIPE = 2 * 1024 * 1024;

/**
 * Runs the program once, until it ends or the input must. Then it gets the end of its standard input and SIGTERM, after
 * `killAfter` SIGKILL; what it printed before that, and nobody could send again, is still taken.
 *
 * @throws SluiceError PROCESS_EXIT if it fails, and what its delivery throws
 */
export async function listenOnce(options: SessionOptions): Promise<void> {
  const { context, launch, killAfter, notes } = options;
  const { signal, clock } = context;
  const child = await spawnChild(launch);
  const leader = child.pid as number;
  const forget = registerGroup(leader);
  const tail = createTail(TAIL);
  const stderr = readNotes(child, options, (line) => tail.push(line));
  const exited = once(child, "exit") as Promise<[number | null, NodeJS.Signals | null]>;
  const reader = new OutputReader(child, options);

  const end = (): Promise<void> => endGroup(leader, killAfter, clock);
  const onAbort = async (): Promise<void> => {
    if (options.acknowledge) await waitAtMost(clock, LAST_ANSWER, reader.settled);
    child.stdin?.end();
    await end();
  };
  let stopping: Promise<void> | undefined;
  const abort = (): void => void (stopping ??= onAbort());
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  context.ready();
  try {
    const read = reader.readAll();
    read.catch(() => undefined);
    await Promise.race([exited, read]).catch(() => undefined);
    if (!reader.failed) await waitAtMost(clock, LAST_WORD, exited);
    const isMute = !reader.failed && child.exitCode === null && child.signalCode === null;
    if (reader.failed || isMute) await end();
    const [code, endSignal] = await exited;
    await stopping;
    if (await groupLives(leader)) await end();
    await reader.drain(read);
    stderr.end();
    await read;
    if (signal.aborted) return;
    if (isMute) throw mute(launch);
    if (code === 0) return await reader.takeRest();
    reader.dropRest();
    throw failure(launch, code, endSignal, tail.lines);
  } catch (error) {
    if (!signal.aborted) throw error;
    // Its end was meant; that what it printed last is not kept was not.
    context.log.error({ input: context.name, err: error }, "what its program printed last could not be kept");
  } finally {
    signal.removeEventListener("abort", abort);
    await endGroup(leader, killAfter, clock);
    forget();
    for (const stream of child.stdio) stream?.destroy();
    notes.close();
  }
}

function failure(
  { argv }: Launch,
  code: number | null,
  signal: NodeJS.Signals | null,
  tail: readonly string[],
): Error {
  const what = JSON.stringify(argv[0]);
  if (code !== null) return exitError(what, code, { permanentExitCodes: [], tail });
  const message = [`${what} was ended by ${signal}`, ...tail].join("\n");
  return new SluiceError("PROCESS_EXIT", message, { details: { signal } });
}

function mute({ argv }: Launch): Error {
  return new SluiceError(
    "INPUT_FAILED",
    `${JSON.stringify(argv[0])} closed its standard output and ran on, so that nothing more could come of it: it was ended`,
  );
}

/** Reads standard output as fast as the journal takes what is on it, and no faster. */
class OutputReader {
  readonly #stdout: Readable;
  readonly #lines: DataLines;
  readonly #delivery: Delivery;
  readonly #options: SessionOptions;
  /** Grows with everything that is read or delivered. */
  #steps = 0;
  #bytes = 0;
  #failed = false;
  #isDelivering = false;
  /** Resolves when what is being delivered now is, or has failed. */
  settled: Promise<void> = Promise.resolve();

  constructor(child: ChildProcess, options: SessionOptions) {
    const { context, read, acknowledge, failsOnUndecodable, longestLine } = options;
    this.#options = options;
    this.#stdout = child.stdout as Readable;
    this.#lines = new DataLines(longestLine);
    const stdin = child.stdin as Writable;
    // A program that reads nothing, or has ended, is none to be answered.
    stdin.on("error", () => undefined);
    this.#delivery = new Delivery({
      context,
      read,
      acknowledge,
      failsOnUndecodable,
      answer: (text) => write(stdin, text, context),
      onRefused: (line, data, error) => this.#refused(line, data, error),
    });
  }

  get failed(): boolean {
    return this.#failed;
  }

  async readAll(): Promise<void> {
    const { context, acknowledge } = this.#options;
    try {
      for await (const chunk of this.#stdout) {
        this.#steps += 1;
        this.#bytes += (chunk as Buffer).length;
        // It is still there, and can be printed again by who knows that it was not answered.
        if (context.signal.aborted && acknowledge) continue;
        await this.#deliver([...this.#lines.push(chunk as Buffer)]);
      }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ERR_STREAM_PREMATURE_CLOSE") return;
      this.#failed = true;
      throw error;
    }
  }

  /** The last line, if it has no line feed: only who ended well has printed all of it. */
  async takeRest(): Promise<void> {
    const rest = this.#lines.rest();
    if (rest !== undefined) await this.#deliver([rest]);
  }

  /** Says that it leaves out the last line, which was cut off. */
  dropRest(): void {
    const rest = this.#lines.rest();
    if (rest === undefined) return;
    const { notes } = this.#options;
    notes.write(
      "warn",
      { bytes: rest.bytes.length },
      "its program ended in the midst of a line, which is left out",
    );
  }

  /** Waits until all is read that was printed, once nobody of the program's own lives. */
  async drain(read: Promise<void>): Promise<void> {
    const { clock, signal } = this.#options.context;
    let isRead = false;
    const over = (): void => void (isRead = true);
    const ended = read.then(over, over);
    const most = this.#bytes + IN_PIPE;
    for (let rounds = 0; ;) {
      const steps = this.#steps;
      await waitAtMost(clock, DRAIN, ended);
      if (isRead) return;
      // A busy event loop may come to its timers before it reads what is in the pipe: it gets one more turn.
      await new Promise((resolve) => setImmediate(resolve));
      // What the program left in the pipe may wait for the journal; all else is read at once.
      if (!this.#isDelivering) rounds += 1;
      const isOver = this.#bytes > most || rounds > (signal.aborted ? OUTSIDERS_AT_END : OUTSIDERS);
      if (isOver) this.#leaveOut();
      if (isOver || (steps === this.#steps && !this.#isDelivering)) this.#stdout.destroy();
    }
  }

  #leaveOut(): void {
    if (this.#stdout.destroyed) return;
    const what =
      "its program has ended, and somebody that left its process group goes on printing: no longer read";
    this.#options.notes.write("warn", {}, what);
  }

  async #deliver(lines: readonly DataLine[]): Promise<void> {
    this.#isDelivering = true;
    const delivered = this.#delivery.deliver(lines);
    this.settled = delivered.catch(() => undefined);
    try {
      await delivered;
    } finally {
      this.#isDelivering = false;
      this.#steps += 1;
    }
  }

  #refused(line: number, data: DataLine, { code, message }: ErrorRecord): void {
    const { context, mask, notes } = this.#options;
    const problem = mask(`line ${line} of its standard output was refused: ${message}`);
    const text = data.bytes
      .subarray(0, SHOWN * 4)
      .toString()
      .slice(0, SHOWN);
    notes.write("warn", { line, code, text: mask(printable(text)) }, problem);
    context.report({ error: new SluiceError("INVALID_EVENT", problem) });
  }
}

function readNotes(
  child: ChildProcess,
  { mask, notes }: SessionOptions,
  onLine: (line: string) => void,
): { end(): void } {
  const reader = createLineReader(LONGEST_NOTE, (line) => {
    const masked = mask(line);
    onLine(masked);
    notes.write("info", { stream: "stderr" }, masked);
  });
  child.stderr?.on("data", (bytes: Buffer) => reader.push(bytes));
  child.stderr?.on("error", () => undefined);
  return reader;
}

/** Answers, and waits for room once too many lie unread. */
async function write(stdin: Writable, text: string, { clock, signal }: InputContext): Promise<void> {
  if (!stdin.writable) return;
  stdin.write(text);
  if (stdin.writableLength <= UNREAD) return;
  const over = new AbortController();
  const waiting = { signal: over.signal };
  const room = Promise.race([once(stdin, "drain", waiting), once(stdin, "close", waiting)]).then(
    () => true,
    () => false,
  );
  const isRoom = await Promise.race([room, sleep(clock, PATIENCE, signal)]);
  over.abort();
  if (isRoom === true || signal.aborted) return;
  throw new SluiceError(
    "INPUT_FAILED",
    `the program has left more than ${UNREAD} bytes of acknowledgements unread for a minute: let it read a line of its standard input for each that it prints, or set acknowledge = false`,
  );
}
