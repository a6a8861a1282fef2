import { readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { workspace } from "../support/cli.ts";
import { guideBlocks } from "../support/guide.ts";
import { lineageFaults } from "../support/openlineage.ts";

const block = guideBlocks("observability.md");
const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SENT = `00-${TRACE}-b7ad6b7169203331-01`;

test(
  'the guide "Metrics, traces, lineage, logs" has a pipeline that shows all of it',
  { timeout: 30_000 },
  async () => {
    const space = workspace(block("sluice.toml"));
    try {
      for (const file of ["land.mjs", "otel.mjs"]) space.write(file, block(file));
      symlinkSync(join(import.meta.dirname, "../../node_modules"), join(space.folder, "node_modules"));
      const running = await space.run({ env: { NODE_OPTIONS: "--import ./otel.mjs" } });
      const http = String(running.ready["http"]);
      const hook = await fetch(`${http}/hooks/orders`, {
        method: "POST",
        headers: { traceparent: SENT, "content-type": "application/json" },
        body: "{}",
      });
      const { uid } = (await hook.json()) as { uid: string };
      const isOver = async (): Promise<string | undefined> => {
        const { runs } = await space.api<{ runs: { state: string }[] }>("GET", `events/${uid}`);
        return runs[0]?.state;
      };
      await expect.poll(isOver, { timeout: 10_000 }).toBe("succeeded");

      const metrics = await (await fetch(`${http}/metrics`)).text();
      expect(metrics).toContain('sluice_runs{process="land",state="succeeded",pipeline="shop"} 1');

      const { items } = await space.api<{ items: { text: string }[] }>(
        "GET",
        `runs/${encodeURIComponent(`${uid}/land`)}/logs`,
      );
      const { code, stdout, stderr } = await running.stop();
      expect(code).toBe(0);

      // The exporter prints objects, as console.dir does.
      const spans = stdout.split(/^\{$/m).filter((text) => text.includes("traceId"));
      const named = (name: string): string => spans.find((text) => text.includes(`name: '${name}'`)) ?? "";
      const idOf = (text: string): string => /^ {2}id: '([0-9a-f]+)'/m.exec(text)?.[1] ?? "none";
      expect(named("emit orders")).toContain(`traceId: '${TRACE}'`);
      expect(named("emit orders")).toContain("b7ad6b7169203331");
      expect(named("run land")).toContain(idOf(named("emit orders")));
      expect(items[0]?.text).toBe(`00-${TRACE}-${idOf(named("run land"))}-01`);

      const lines = readFileSync(join(space.folder, "lineage.ndjson"), "utf8").trimEnd().split("\n");
      const told = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
      expect(told.flatMap(lineageFaults)).toEqual([]);
      expect(told.map(({ eventType }) => eventType)).toEqual(["START", "COMPLETE"]);
      expect(told[0]).toMatchObject({
        job: { namespace: "warehouse", name: "shop.land" },
        outputs: [{ namespace: "postgres://warehouse:5432", name: "shop.raw.orders" }],
      });
      expect(stderr).not.toContain("no OpenTelemetry SDK");
    } finally {
      await space.remove();
    }
  },
);

test("tracing without an SDK is warned of, and a failed attempt is logged with its run and event", async () => {
  const space = workspace(block("sluice.toml"));
  try {
    space.write("land.mjs", "process.exit(3)");
    const running = await space.run();
    const { uid } = await space.api<{ uid: string }>("POST", "inputs/orders/events", {});
    const isTried = async (): Promise<number> => {
      const { runs } = await space.api<{ runs: { attempts: number }[] }>("GET", `events/${uid}`);
      return runs[0]?.attempts ?? 0;
    };
    await expect.poll(isTried, { timeout: 10_000 }).toBeGreaterThan(0);
    const { stderr } = await running.stop();
    const logged = stderr
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(logged).toContainEqual(
      expect.objectContaining({
        level: "warn",
        msg: expect.stringContaining("no OpenTelemetry SDK is registered"),
      }),
    );
    expect(logged).toContainEqual(
      expect.objectContaining({
        level: "warn",
        process: "land",
        run: `${uid}/land`,
        event: uid,
        code: "PROCESS_EXIT",
      }),
    );
  } finally {
    await space.remove();
  }
});
