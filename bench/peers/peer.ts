import type { Ledger } from "../ledger.ts";
import type { Subject, Work } from "../subject.ts";

/** Another engine, told to do what ours does. */
export type Peer = Pick<Subject, "start" | "emit" | "stop">;

export interface PeerOptions {
  /** How many processes, each with concurrency 8, an event goes to. */
  readonly processes: number;
  readonly data: object | undefined;
  /** Where its server is: a URL. Empty for one without. */
  readonly server: string;
  readonly work: Work;
}

export type CreatePeer = (options: PeerOptions) => Promise<Peer>;

/** What a process gets, whatever the engine. */
export interface Job {
  readonly id: string;
  readonly location: string;
  readonly operation: string;
  readonly data?: object | undefined;
}

export const CONCURRENCY = 8;

/** A name for queues that no earlier sample has used. */
export const unique: string = `bench_${process.pid}_${Date.now().toString(36)}`;

export function jobOf(id: string, { data }: PeerOptions): Job {
  return { id, location: "t", operation: "create", data };
}

/** Imports a peer's package. Only what we call of it is typed, so that our types compile without it. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller says what the package looks like
export async function load<Module>(name: string): Promise<Module> {
  return (await import(name)) as Module;
}

/** Makes a peer what can be measured as the engine is. It is idle once its processes were called for every event. */
export async function measurable(
  create: CreatePeer,
  options: Omit<PeerOptions, "work">,
  ledger: Ledger,
): Promise<Subject> {
  let open = 0;
  let onIdle: (() => void) | undefined;
  const peer = await create({
    ...options,
    async work(process, id) {
      ledger.count(process, id);
      open -= 1;
      if (open === 0) onIdle?.();
    },
  });
  return {
    start: () => peer.start(),
    stop: () => peer.stop(),
    emit(id) {
      open += options.processes;
      return peer.emit(id);
    },
    async idle() {
      if (open > 0) await new Promise<void>((resolve) => (onIdle = resolve));
    },
  };
}
