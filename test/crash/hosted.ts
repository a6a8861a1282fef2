import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { createUidSource } from "../../src/model/uid.ts";
import { Ledger } from "./ledger.ts";
import type { FromHost, HostOptions } from "./protocol.ts";

const HOST = new URL("./host.ts", import.meta.url);
const KEYS = 20;
const IN_FLIGHT = 40;

/** A host that is killed and started anew, the client that loads it, and the ledger that holds it to its word. */
export class Hosted implements AsyncDisposable {
  readonly ledger: Ledger;
  readonly journal: string;
  readonly folder: string;
  readonly #options: Omit<HostOptions, "journal" | "failpoint">;
  readonly #newUid = createUidSource(Math.random);
  #child: ChildProcess | undefined;
  #life = 0;
  #ready = Promise.withResolvers<void>();
  /** Not acknowledged yet: emitted again, under the same uid, in the next life. */
  readonly #open = new Map<string, { uid: string; key: string; n: number }>();
  #sent = 0;
  #inFlight = 0;

  static async make(options: Omit<HostOptions, "journal" | "failpoint">): Promise<Hosted> {
    return new Hosted(await mkdtemp(join(tmpdir(), "sluice-crash-")), options);
  }

  constructor(folder: string, options: Omit<HostOptions, "journal" | "failpoint">) {
    this.folder = folder;
    this.#options = options;
    this.journal = join(folder, "journal.db");
    const ordered = options.processes.filter((process) => process.order === "key");
    this.ledger = new Ledger(ordered.map((process) => process.name));
  }

  get lives(): number {
    return this.#life;
  }

  /** Events that were sent at least once. */
  get sent(): number {
    return this.#sent;
  }

  get processes(): string[] {
    return this.#options.processes.map((process) => process.name);
  }

  /** Events that were sent in this life, and neither acknowledged nor refused yet. */
  get unanswered(): number {
    return this.#inFlight;
  }

  /**
   * Starts the host, and sends again what was not acknowledged before. Resolves when it is ready, or dead.
   *
   * @param launcher a command that runs the host in its own place, such as a tracer
   */
  async start(failpoint?: HostOptions["failpoint"], launcher: readonly string[] = []): Promise<void> {
    const options: HostOptions = { ...this.#options, journal: this.journal, ...(failpoint && { failpoint }) };
    const life = ++this.#life;
    const [execPath, ...execArgv] = [...launcher, process.execPath];
    const stdio = ["ignore", "inherit", "inherit", "ipc"] as const;
    const child = fork(HOST, [JSON.stringify(options)], { execPath, execArgv, stdio: [...stdio] });
    this.#child = child;
    this.#ready = Promise.withResolvers<void>();
    child.on("message", (message: FromHost) => this.#heard(message, life));
    child.on("error", () => undefined);
    child.on("exit", () => this.#ready.resolve());
    await this.#ready.promise;
    this.#inFlight = 0;
    const again = [...this.#open.values()].toSorted((a, b) => a.n - b.n);
    for (const event of again) this.#send(event);
  }

  /** Emits up to `rate` events a second, at most 40 unacknowledged, until `until` says that it is enough. */
  async load(rate: number, until: () => boolean): Promise<void> {
    const began = performance.now();
    let emitted = 0;
    while (!until() && this.isAlive) {
      const due = ((performance.now() - began) / 1_000) * rate;
      for (; emitted < due && this.#inFlight < IN_FLIGHT; emitted += 1) this.#emitNext();
      await delay(1);
    }
  }

  get isAlive(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    if (!this.isAlive) return;
    this.#child?.kill(signal);
    await this.exited();
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  async exited(): Promise<{ code: number | null; signal: string | null }> {
    const child = this.#child as ChildProcess;
    if (this.isAlive) await once(child, "exit");
    // What is still in the pipe was sent before it died.
    if (child.connected) await once(child, "disconnect");
    return { code: child.exitCode, signal: child.signalCode };
  }

  /** Waits until every event was acknowledged, and done by every process, or the time is up. */
  async finish(milliseconds: number, processes: readonly string[] = this.processes): Promise<void> {
    await inTime(milliseconds, () => this.#open.size === 0 && this.ledger.missing(processes).length === 0);
  }

  /** Waits until every acknowledged event was done by every process, or the time is up. */
  async done(milliseconds: number): Promise<void> {
    await inTime(milliseconds, () => this.ledger.missing(this.processes).length === 0);
  }

  /** Waits until what was sent in this life was acknowledged or refused, or the time is up. */
  async answered(milliseconds: number): Promise<void> {
    await inTime(milliseconds, () => this.#inFlight === 0 || !this.isAlive);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }

  #emitNext(): void {
    const n = this.#sent++;
    const event = { uid: this.#newUid(Date.now()), key: `key-${n % KEYS}`, n };
    this.#open.set(event.uid, event);
    this.#send(event);
  }

  #send(event: { uid: string; key: string; n: number }): void {
    this.#inFlight += 1;
    if (this.#child?.connected === true) this.#child.send({ type: "emit", ...event }, () => undefined);
  }

  #heard(message: FromHost, life: number): void {
    if (message.type === "ready") this.#ready.resolve();
    if (message.type === "acknowledged" || message.type === "refused") this.#inFlight -= 1;
    if (message.type === "acknowledged") this.#open.delete(message.uid);
    this.ledger.note(message, life);
  }
}

async function inTime(milliseconds: number, isSo: () => boolean): Promise<void> {
  const until = performance.now() + milliseconds;
  while (performance.now() < until && !isSo()) await delay(20);
}
