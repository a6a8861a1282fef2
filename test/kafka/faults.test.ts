import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { Orchestrator, type Event } from "../../src/index.ts";
import { kafkaInput } from "../../src/inputs/kafka/index.ts";
import { endHost, startHost } from "../support/host.ts";
import { openTopic, startKafkaInput, type RunningInput, type Topic } from "../support/kafka-input.ts";
import { kafkaForTests } from "../support/kafka.ts";
import { eventually } from "../support/postgres-input.ts";

const HOST = fileURLToPath(new URL("./host.ts", import.meta.url));
const PARTITIONS = 4;

const { kafka, reason } = await kafkaForTests();
afterAll(() => kafka?.stop());
const broker = kafka?.broker ?? "";

describe.skipIf(kafka === undefined)(`a topic that is read through faults ${reason ?? ""}`, () => {
  test(
    "dealt out anew again and again under load: no gap, order kept, no offset ahead",
    { timeout: 180_000 },
    async () => {
      await using topic = await openTopic(broker, { partitions: PARTITIONS });
      const producing = produce(topic);
      const members: RunningInput[] = [];
      const join = async (): Promise<RunningInput> => {
        const member = await startKafkaInput(broker, topic.name, {
          batchSize: 20,
          name: `member-${members.length}`,
        });
        members.push(member);
        return member;
      };
      const watch = watchOffsets(topic, () => members.map(({ context }) => context.emitted));
      const first = await join();
      await wait(500);
      const second = await join();
      await eventually(
        () => second.context.emitted.length,
        (count) => count > 100,
        40_000,
      );
      await first.stop();
      const third = await join();
      await eventually(
        () => third.context.emitted.length,
        (count) => count > 100,
        40_000,
      );
      const sent = await producing.end();
      const all = (): ReadonlySet<unknown> =>
        new Set(members.flatMap(({ context }) => context.emitted.map((e) => e.data)));
      await eventually(all, (seen) => seen.size >= sent, 40_000);
      await Promise.all([second.stop(), third.stop()]);
      const ahead = await watch.end();

      expect(all().size).toBe(sent);
      expect(ahead).toEqual([]);
      for (const { context } of members) expect(isInOrder(context.emitted)).toBe(true);
      for (const { ended } of members) await expect(ended).resolves.toBeUndefined();
    },
  );

  test(
    "whose broker is stopped, and crashes, under load: each message once, the input is started anew",
    { timeout: 240_000 },
    async () => {
      await using topic = await openTopic(broker, { partitions: PARTITIONS });
      await using orchestrator = new Orchestrator({ journal: "memory:" });
      const seen: number[] = [];
      const places = new Map<string, number>();
      orchestrator.addInput(
        kafkaInput({
          name: "numbers",
          brokers: [broker],
          topics: [topic.name],
          group: "restarts",
          sessionTimeout: "6s",
        }),
      );
      const see = ({ id, data }: Event): void => {
        seen.push(data as number);
        places.set(id, (places.get(id) ?? 0) + 1);
      };
      orchestrator.addProcess({ name: "see", run: see });
      orchestrator.addLink("numbers", "see");
      await orchestrator.start();
      const producing = produce(topic);
      for (const signal of ["TERM", "KILL"] as const) {
        const before = seen.length;
        await eventually(
          () => seen.length,
          (count) => count > before + 100,
          40_000,
        );
        await kafka?.restart(signal);
      }
      const before = seen.length;
      await eventually(
        () => seen.length,
        (count) => count > before + 100,
        40_000,
      );
      const sent = await producing.end();
      await eventually(
        () => new Set(seen).size,
        (count) => count >= sent,
        40_000,
      );
      // A producer that gets no answer sends again, here without a number of its own: that is its double, not ours.
      const written = await countOf(topic);
      expect([...places].filter(([, times]) => times > 1)).toEqual([]);
      expect(places.size).toBe(written);
      expect(new Set(seen).size).toBe(sent);
    },
  );

  test(
    "whose reader is killed again and again: no gap, no offset ahead of the journal",
    { timeout: 120_000 },
    async () => {
      await using topic = await openTopic(broker, { partitions: PARTITIONS });
      const folder = await mkdtemp(join(tmpdir(), "sluice-kafka-"));
      const journal = join(folder, "journal.db");
      const ledger = join(folder, "ledger");
      const producing = produce(topic);
      try {
        let host = await startHost(HOST, [broker, topic.name, journal, ledger]);
        for (let kill = 0; kill < 3; kill += 1) {
          const before = lines(ledger).length;
          await eventually(
            () => lines(ledger).length,
            (count) => count > before + 50,
            40_000,
          );
          await endHost(host, "SIGKILL");
          const committed = await topic.committed("killed");
          const kept = journalled(journal);
          for (let partition = 0; partition < PARTITIONS; partition += 1) {
            expect(committed[partition] ?? -1).toBeLessThanOrEqual(
              contiguous(kept.get(partition) ?? new Set()),
            );
          }
          host = await startHost(HOST, [broker, topic.name, journal, ledger]);
        }
        const sent = await producing.end();
        await eventually(
          () => new Set(lines(ledger).map((line) => line.split(" ")[0])).size,
          (count) => count >= sent,
          40_000,
        );
        await endHost(host, "SIGTERM");
        const uids = new Map<string, string>();
        for (const line of lines(ledger)) {
          const [, place = "", uid = ""] = line.split(" ");
          expect(uids.get(place) ?? uid).toBe(uid);
          uids.set(place, uid);
        }
        expect(uids.size).toBe(await countOf(topic));
      } finally {
        await producing.end();
        await rm(folder, { recursive: true, force: true });
      }
    },
  );
});

/** Sends numbers until it is ended, which answers how many. */
function produce(topic: Topic): { end(): Promise<number> } {
  let isOver = false;
  let sent = 0;
  const running = (async () => {
    while (!isOver) {
      const batch = Array.from({ length: 10 }, (_, n) => ({
        value: String(sent + n),
        key: String((sent + n) % 40),
      }));
      // A broker that goes may have kept some of it: all is sent again.
      const isSent = await topic.send(...batch).then(
        () => true,
        () => false,
      );
      if (isSent) sent += batch.length;
      await wait(5);
    }
  })();
  running.catch(() => undefined);
  return {
    async end() {
      isOver = true;
      await running;
      return sent;
    },
  };
}

type Emitted = readonly { readonly id: string }[];

/** Compares what is committed with what was emitted before it was asked; answers what was ahead. */
function watchOffsets(
  topic: Topic,
  emitted: () => readonly Emitted[],
): { end(): Promise<readonly string[]> } {
  let isOver = false;
  const ahead: string[] = [];
  const look = async (): Promise<void> => {
    const committed = await topic.committed(`group-${topic.name}`);
    const kept = Array.from({ length: PARTITIONS }, () => new Set<number>());
    for (const { id } of emitted().flat()) {
      const [partition = 0, offset = 0] = id.split("/").map(Number);
      kept[partition]?.add(offset);
    }
    committed.forEach((offset, partition) => {
      const has = contiguous(kept[partition] ?? new Set());
      if (offset > has) ahead.push(`partition ${partition}: ${offset} committed, ${has} kept`);
    });
  };
  const running = (async () => {
    while (!isOver) {
      await look();
      await wait(50);
    }
    await look();
  })();
  running.catch(() => undefined);
  return {
    async end() {
      isOver = true;
      await running;
      return ahead;
    },
  };
}

/** How many offsets from 0 on are there without a hole. */
function contiguous(offsets: ReadonlySet<number>): number {
  let next = 0;
  while (offsets.has(next)) next += 1;
  return next;
}

/** Whether new messages of a partition came in the order of their offsets. */
function isInOrder(emitted: Emitted): boolean {
  const last = new Map<string, number>();
  return emitted.every(({ id }) => {
    const [partition = "", offset = ""] = id.split("/");
    const inOrder = Number(offset) > (last.get(partition) ?? -1);
    last.set(partition, Number(offset));
    return inOrder;
  });
}

/** Offsets that a journal has, by partition. */
function journalled(path: string): ReadonlyMap<number, ReadonlySet<number>> {
  const journal = new DatabaseSync(path, { readOnly: true });
  try {
    const kept = new Map<number, Set<number>>();
    for (const { id } of journal.prepare("select id from events").iterate() as Iterable<{ id: string }>) {
      const [partition = 0, offset = 0] = id.split("/").map(Number);
      const offsets = kept.get(partition) ?? new Set();
      kept.set(partition, offsets.add(offset));
    }
    return kept;
  } finally {
    journal.close();
  }
}

/** How many messages the topic has. */
async function countOf(topic: Topic): Promise<number> {
  const partitions = Array.from({ length: PARTITIONS }, (_, partitionIndex) => ({
    partitionIndex,
    timestamp: -1n,
  }));
  const [listed] = await topic.admin.listOffsets({ topics: [{ name: topic.name, partitions }] });
  return (listed?.partitions ?? []).reduce((sum, { offset }) => sum + Number(offset), 0);
}

function lines(path: string): readonly string[] {
  return existsSync(path) ? readFileSync(path, "utf8").split("\n").slice(0, -1) : [];
}

function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
