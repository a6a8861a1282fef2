// How many events a second a peer takes and runs, by the same load, ledger and audit as ours.
import { setTimeout as sleep } from "node:timers/promises";
import { eventsOf, measureThroughput, type Load } from "../drive.ts";
import { Ledger } from "../ledger.ts";
import { takeSample } from "../program.ts";
import { payloadOf } from "../subject.ts";
import { measurable } from "./peer.ts";
import { loadPeer, type PeerName } from "./peers.ts";

export interface PeerThroughputOptions extends Load {
  readonly peer: PeerName;
  readonly server: string;
  readonly processes: number;
  /** Bytes as JSON. */
  readonly payload: number;
}

await takeSample(async (options: PeerThroughputOptions) => {
  const { peer, server, processes, payload } = options;
  const ledger = new Ledger(eventsOf(options), processes);
  const create = await loadPeer(peer);
  const subject = await measurable(create, { processes, server, data: payloadOf(payload) }, ledger);
  await subject.start();
  const measured = await measureThroughput(subject, options, ledger);
  // What is doubled may come late.
  await sleep(100);
  const audit = ledger.audit();
  await subject.stop();
  return { ...measured, ...audit };
});
process.exit();
