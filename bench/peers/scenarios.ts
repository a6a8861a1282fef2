import type { Measure, Sampling, Scenario } from "../scenario.ts";
import type { ThroughputOptions } from "../programs/throughput.ts";
import { USUAL_PAYLOAD } from "../subject.ts";
import type { PeerLatencyOptions } from "./latency.ts";
import { PEERS, type PeerName } from "./peers.ts";
import type { Servers } from "./servers.ts";
import type { PeerThroughputOptions } from "./throughput.ts";

interface Comparison {
  readonly name: string;
  readonly title: string;
  readonly processes: number;
  readonly inFlight: number;
  readonly durable: boolean;
  readonly events: number;
  /** How many times a peer's rate is aimed at; no aim for those that do something else. */
  readonly aims: Readonly<Partial<Record<PeerName, number | null>>>;
}

const DURABLE = { bullmq_everysec: null, graphile: null, pg_boss: null, dbos: null } as const;

const COMPARISONS: readonly Comparison[] = [
  {
    name: "A",
    title: "durable, 512 in flight, 1 process of concurrency 8",
    processes: 1,
    inFlight: 512,
    durable: true,
    events: 80_000,
    aims: { bullmq_always: 10, bullmq_everysec: null },
  },
  {
    name: "B",
    title: "durable, 100 in flight, 1 process of concurrency 8",
    processes: 1,
    inFlight: 100,
    durable: true,
    events: 50_000,
    aims: { bullmq_always: 5, ...DURABLE, graphile: 30, pg_boss: 30 },
  },
  {
    name: "D",
    title: "durable, 100 in flight, fan-out to 4 processes of concurrency 8",
    processes: 4,
    inFlight: 100,
    durable: true,
    events: 30_000,
    aims: { bullmq_always: 12, ...DURABLE },
  },
  {
    name: "E1",
    title: "in memory, 512 in flight, 1 process of concurrency 8",
    processes: 1,
    inFlight: 512,
    durable: false,
    events: 400_000,
    aims: { p_queue: 1.5, node_red: null },
  },
  {
    name: "E4",
    title: "in memory, 512 in flight, fan-out to 4 processes of concurrency 8",
    processes: 4,
    inFlight: 512,
    durable: false,
    events: 200_000,
    aims: { p_queue: 1.5, node_red: null },
  },
];

/** Against each peer, by the same load; and how long it takes an idle one to start a process. */
export function compare(servers: Servers): readonly Scenario[] {
  return [
    ...COMPARISONS.map((comparison) => compareThroughput(comparison, servers)),
    compareLatency(servers),
  ];
}

function compareThroughput(comparison: Comparison, servers: Servers): Scenario {
  const { name, title, durable, processes, inFlight, events, aims } = comparison;
  const ours: ThroughputOptions = { subject: "sluice", durable, processes, inFlight, events };
  const peers = Object.keys(aims) as PeerName[];
  const samplingOf =
    (peer: PeerName): Sampling =>
    async () => {
      const options: PeerThroughputOptions = {
        peer,
        server: await serverOf(peer, servers),
        processes,
        inFlight,
        events: Math.ceil(PEERS[peer].events / processes),
        payload: durable ? USUAL_PAYLOAD : 0,
      };
      return { program: "peers/throughput.ts", options };
    };
  return {
    name,
    title,
    samples: {
      sluice: () => ({ program: "programs/throughput.ts", options: ours }),
      ...Object.fromEntries(peers.map((peer) => [peer, samplingOf(peer)])),
    },
    measures: [
      ...peers.map((peer): Measure => {
        const aim = aims[peer] ?? null;
        return {
          label: `× ${PEERS[peer].title}`,
          unit: "×",
          digits: 1,
          of: (value) => value("sluice", "rate") / value(peer, "rate"),
          ...(aim !== null && { aim: { atLeast: aim } }),
        };
      }),
      ...(["sluice", ...peers] as const).flatMap((subject): Measure[] => [
        {
          label: titleOf(subject),
          unit: "events/s",
          digits: 0,
          of: (value) => value(subject, "rate"),
        },
        {
          label: "  its own CPU, without its server",
          unit: "s per 10,000 events",
          digits: 2,
          of: (value) => value(subject, "cpu"),
        },
      ]),
    ],
  };
}

function compareLatency(servers: Servers): Scenario {
  const peers = Object.keys(PEERS) as PeerName[];
  const load = { events: 200, spacing: 8 };
  const samplingOf =
    (peer: PeerName): Sampling =>
    async () => {
      const options: PeerLatencyOptions = { peer, server: await serverOf(peer, servers), ...load };
      return { program: "peers/latency.ts", options };
    };
  return {
    name: "C",
    title: "idle latency, emit → process start, one event at a time",
    samples: {
      sluice: () => ({ program: "programs/latency.ts", options: { events: 200, spacing: 4 } }),
      ...Object.fromEntries(peers.map((peer) => [peer, samplingOf(peer)])),
    },
    measures: (["sluice", ...peers] as const).flatMap((subject): Measure[] =>
      (["startP50", "startP99"] as const).map((name) => ({
        label: `${titleOf(subject)}, ${name === "startP50" ? "p50" : "p99"}`,
        unit: "ms",
        digits: 2,
        of: (value) => value(subject, name),
      })),
    ),
  };
}

function titleOf(subject: PeerName | "sluice"): string {
  return subject === "sluice" ? "sluice" : PEERS[subject].title;
}

async function serverOf(peer: PeerName, servers: Servers): Promise<string> {
  const { server } = PEERS[peer];
  return server === "postgres" ? servers.postgres() : servers[server];
}
