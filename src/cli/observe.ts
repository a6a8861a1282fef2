import type { Pipeline } from "../config/pipeline.ts";
import type { Orchestrator } from "../engine/orchestrator.ts";
import { systemClock } from "../engine/system.ts";
import type { Logger } from "../model/logger.ts";
import type { Metrics } from "../observe/metrics.ts";
import { logFailures } from "../observe/run-log.ts";

/** Who listens to a pipeline that runs. */
export interface Observers {
  /** Only where somebody could ask: what nobody reads is not counted. */
  readonly metrics: Metrics | undefined;
  /** To be called when nothing more happens. */
  close(): Promise<void>;
}

/** What a pipeline is observed by, as its file says. @throws SluiceError MISSING_DEPENDENCY, PRIVATE_ADDRESS */
export async function observe(
  orchestrator: Orchestrator,
  { http, tracing, lineage }: Pipeline,
  logger: Logger,
): Promise<Observers> {
  const ends: (() => void | Promise<void>)[] = [logFailures(orchestrator.name, logger, systemClock)];
  let metrics: Metrics | undefined;
  if (http !== null) {
    const { createMetrics } = await import("../observe/metrics.ts");
    const measured = createMetrics(orchestrator);
    ends.push(() => measured.close());
    metrics = measured;
  }
  if (tracing) ends.push(await trace(orchestrator, logger));
  if (lineage !== null) {
    const { exportLineage } = await import("../observe/lineage.ts");
    const exported = exportLineage(orchestrator, { ...lineage, logger });
    ends.push(() => exported.close());
  }
  return {
    metrics,
    async close() {
      await Promise.all(ends.map(async (end) => end()));
    },
  };
}

async function trace(orchestrator: Orchestrator, logger: Logger): Promise<() => void> {
  const { traceOrchestrator } = await import("../observe/tracing.ts");
  const tracing = await traceOrchestrator(orchestrator);
  if (!tracing.hasSdk) {
    const cure = "start it by node --import and a module that registers one";
    logger.warn({}, `tracing is enabled, but no OpenTelemetry SDK is registered: ${cure}`);
  }
  return () => tracing.close();
}
