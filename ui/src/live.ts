import { get } from "./api.ts";
import { toRecord } from "./errors.ts";
import { measure, resetMeasures, tick, type Series, type Stats } from "./measures.ts";
import { createStore, useStore, type Store } from "./store.ts";
import { openStream, type Message } from "./stream.ts";
import type {
  ErrorRecord,
  Graph,
  Hello,
  InputRow,
  Page,
  PipelineInfo,
  ProcessRow,
  Role,
  Rows,
  RunState,
} from "./types.ts";

/** The pipeline as the page knows it now. */
export interface Live {
  readonly info: PipelineInfo;
  readonly graph: Graph;
  readonly inputs: ReadonlyMap<string, InputRow>;
  readonly processes: ReadonlyMap<string, ProcessRow>;
  readonly series: ReadonlyMap<string, Series>;
}

export const live: Store<Live | undefined> = createStore<Live | undefined>(undefined);
/** What stood in the way of the last reading, if anything did. */
export const trouble: Store<ErrorRecord | undefined> = createStore<ErrorRecord | undefined>(undefined);
export const isConnected: Store<boolean> = createStore(false);

const SECOND = 1_000;
/** Without a stream the rows are read this often. */
const UNCONNECTED = 3_000;

let stop: () => void = () => undefined;

/** Reads the pipeline and follows it; once at a time. */
export function startLive(): void {
  stop();
  let isWanted = true;
  const close = openStream({ onMessage: receive, onState: (isOpen) => isConnected.set(isOpen) });
  const seconds = setInterval(() => {
    const known = live.get();
    const series = tick(Date.now());
    if (known !== undefined && !document.hidden) live.set({ ...known, series });
  }, SECOND);
  const readings = setInterval(() => {
    if (!isConnected.get() && !document.hidden) void refresh(() => isWanted);
  }, UNCONNECTED);
  void refresh(() => isWanted);
  stop = () => {
    isWanted = false;
    close();
    clearInterval(seconds);
    clearInterval(readings);
    isConnected.set(false);
  };
}

export function stopLive(): void {
  stop();
}

/** Forgets what was read, as it was read with another token. */
export function forgetLive(): void {
  stop();
  live.set(undefined);
  trouble.set(undefined);
  resetMeasures();
}

/** Reads at once, for example after somebody paused something. */
export async function refresh(isWanted: () => boolean = () => true): Promise<void> {
  try {
    const [info, graph, inputs, processes] = await Promise.all([
      get<PipelineInfo>("pipeline"),
      get<Graph>("graph"),
      get<Page<InputRow>>("inputs"),
      get<Page<ProcessRow>>("processes"),
    ]);
    if (!isWanted()) return;
    const before = live.get();
    trouble.set(undefined);
    live.set({
      info,
      graph: before !== undefined && isSame(before.graph, graph) ? before.graph : graph,
      inputs: byName(inputs.items),
      processes: byName(processes.items),
      series: before?.series ?? new Map(),
    });
  } catch (error) {
    if (isWanted()) trouble.set(toRecord(error));
  }
}

/** A graph that did not change keeps its identity, and with it the drawing. */
function isSame(before: Graph, now: Graph): boolean {
  return JSON.stringify(before) === JSON.stringify(now);
}

function byName<Row extends { readonly name: string }>(rows: readonly Row[]): ReadonlyMap<string, Row> {
  return new Map(rows.map((row) => [row.name, row]));
}

type Listener = (message: Message) => void;
const listeners = new Set<Listener>();

/** Every message of the stream, as it comes. */
export function onMessage(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function receive(message: Message): void {
  if (message.type === "hello" && !(message.data as Hello).resumed) void refresh();
  if (message.type === "stats") measure(message.data as Stats);
  if (message.type === "rows") takeRows(message.data as Rows);
  for (const listener of listeners) listener(message);
}

function takeRows({ state, openRuns, healthy, inputs, processes }: Rows): void {
  const known = live.get();
  if (known === undefined) return;
  live.set({
    ...known,
    info: { ...known.info, state, openRuns, journal: { ...known.info.journal, healthy } },
    inputs: byName(inputs),
    processes: byName(processes),
  });
}

export function countOf(row: ProcessRow, ...states: readonly RunState[]): number {
  return states.reduce((sum, state) => sum + (row.runs[state] ?? 0), 0);
}

/** Whether the reader may do what needs this role: a button that would be refused is not shown. */
export function useMay(role: Role): boolean {
  const granted = useStore(live)?.info.role ?? "viewer";
  return ROLES.indexOf(granted) >= ROLES.indexOf(role);
}

const ROLES: readonly Role[] = ["viewer", "operator", "admin"];
