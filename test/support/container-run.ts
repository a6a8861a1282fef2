import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import type { ProcessSettings } from "../../src/model/component.ts";
import type { EventInit } from "../../src/model/event.ts";
import { containerProcess, type ContainerProcessOptions } from "../../src/processes/container/index.ts";
import { createRunContext, type TestRunContext } from "../../src/testing/context.ts";
import { realClock } from "../../src/testing/real-clock.ts";

type Given = ContainerProcessOptions & ProcessSettings;

/** A container that runs a script. */
export function sh(script: string): { image: string; command: string[] } {
  return { image: "busybox:local", command: ["/bin/sh", "-c", script] };
}

export function contextOf(event: EventInit = { id: "1" }): TestRunContext {
  return createRunContext({ event, clock: realClock });
}

/** Answers with a container's output, each line after the name of its stream. */
export type Run = (options: Given, context?: TestRunContext) => Promise<string[]>;

export function runsOn(engine: string | undefined, common: Partial<Given> = {}): Run {
  return async (options, context = contextOf()) => {
    const given = { name: "work", engine, killAfter: 1, ...common, ...options };
    await containerProcess(given).run(context.event, context);
    return context.lines.map(({ stream, text }) => `${stream}: ${text}`);
  };
}

/** What a container wrote to its standard output. */
export function outOf(lines: readonly string[]): string[] {
  return lines.flatMap((line) => (line.startsWith("stdout: ") ? [line.slice("stdout: ".length)] : []));
}

/** Makes an attempt, and a second one while its container runs; answers with the log of the second. */
export async function runAgain(run: Run): Promise<string[]> {
  const context = contextOf();
  const folder = await mkdtemp(join(tmpdir(), "sluice-go-"));
  const script = "echo begun; while ! [ -e /go/on ]; do sleep 0.1; done; echo done";
  const options = { ...sh(script), mounts: [{ source: folder, target: "/go" }] };
  const first = run(options, context);
  await expect.poll(() => context.lines.length, { timeout: 15_000 }).toBeGreaterThan(0);
  const again: TestRunContext = { ...contextOf(), event: context.event, run: context.run };
  const lines: string[] = [];
  const second = run(options, { ...again, log: (text) => void lines.push(text) });
  await expect.poll(() => lines.length, { timeout: 15_000 }).toBeGreaterThan(0);
  await writeFile(join(folder, "on"), "");
  await Promise.allSettled([first, second]);
  await rm(folder, { recursive: true });
  return lines;
}
