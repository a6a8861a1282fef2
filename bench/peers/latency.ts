// How long an idle peer takes from emit to the start of the process, one event at a time.
import { setTimeout as sleep } from "node:timers/promises";
import { percentile } from "../figure.ts";
import { takeSample } from "../program.ts";
import { payloadOf, USUAL_PAYLOAD } from "../subject.ts";
import { loadPeer, type PeerName } from "./peers.ts";

export interface PeerLatencyOptions {
  readonly peer: PeerName;
  readonly server: string;
  readonly events: number;
  /** Milliseconds between one and the next. */
  readonly spacing: number;
}

const WARM_UP = 20;

await takeSample(async ({ peer, server, events, spacing }: PeerLatencyOptions) => {
  let started = Promise.withResolvers<number>();
  const create = await loadPeer(peer);
  const subject = await create({
    processes: 1,
    server,
    data: payloadOf(USUAL_PAYLOAD),
    work: async () => started.resolve(performance.now()),
  });
  await subject.start();
  const times: number[] = [];
  for (let count = 0; count < WARM_UP + events; count++) {
    await sleep(spacing);
    started = Promise.withResolvers();
    const emittedAt = performance.now();
    await subject.emit(String(count));
    const startedAt = await started.promise;
    if (count >= WARM_UP) times.push(startedAt - emittedAt);
  }
  await subject.stop();
  return { startP50: percentile(times, 0.5), startP99: percentile(times, 0.99) };
});
process.exit();
