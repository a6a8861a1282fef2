import { EVENT_FOLDER } from "../../child/event-environment.ts";
import { exitError } from "../../child/exit.ts";
import { JobOutput } from "../../child/output.ts";
import type { RunContext } from "../../model/component.ts";
import { parseDuration } from "../../model/duration.ts";
import { isSluiceError, PermanentError, SluiceError } from "../../model/errors.ts";
import { keptName } from "./create.ts";
import { reasonOf, removeContainer, unlessMissing, withEngine, type Container } from "./driver.ts";
import type { Options } from "./options.ts";
import { unpackFirst } from "./tar.ts";

/** What a run may emit by its file, in bytes. */
const LARGEST_OUTPUT = 16 * 1024 * 1024;

/** Exit code of what got SIGKILL, which we send only where an attempt must end. */
const SIGKILLED = 137;

/** Emits what the container left and removes it, or keeps it and throws what its end means for the run. */
export async function conclude(
  container: Container,
  exitCode: number,
  options: Options,
  tail: readonly string[],
  context: RunContext,
): Promise<void> {
  try {
    if (exitCode !== 0) await fail(container, exitCode, options, tail);
    await emitOutput(container, context);
  } catch (error) {
    if (!isSluiceError(error, "SOURCE_UNAVAILABLE")) await keep(container, options);
    throw error;
  }
  await removeContainer(container).catch((error: unknown) => {
    context.log(`the container could not be removed: ${reasonOf(error)}`);
  });
}

async function fail(
  container: Container,
  exitCode: number,
  { image, memory, permanentExitCodes }: Options,
  tail: readonly string[],
): Promise<never> {
  const { State } = await withEngine("look at the container", () => container.inspect());
  const details = { container: container.id };
  if (State.OOMKilled) {
    const message = [`the container of ${image} was ended at its memory limit (${memory})`, ...tail].join(
      "\n",
    );
    throw new SluiceError("OUT_OF_MEMORY", message, { details: { exitCode, ...details } });
  }
  // Podman does not always tell what the kernel did.
  const killed = exitCode === SIGKILLED ? [`it was killed: probably at its memory limit (${memory})`] : [];
  const lines = [...killed, ...tail];
  throw exitError(`the container of ${image}`, exitCode, { permanentExitCodes, tail: lines, details });
}

/** For a look at it, under another name: the run's own is for its next attempt. */
async function keep(container: Container, options: Options): Promise<void> {
  if (parseDuration(options.keep) === 0) return removeContainer(container);
  const details = await unlessMissing(container.inspect());
  if (details === undefined) return;
  const attempt = details.Config.Labels?.["sluice.attempt"] ?? "0";
  await container.rename({ name: keptName(details.Name.replace(/^\//, ""), attempt, details.Id) });
}

async function emitOutput(container: Container, context: RunContext): Promise<void> {
  const archive = await withEngine("read what the container emits", async () => {
    const path = `${EVENT_FOLDER}/out.ndjson`;
    if (await isEmpty(container, path)) return undefined;
    const stream = await unlessMissing(container.getArchive({ path }));
    return stream === undefined ? undefined : readAll(stream);
  });
  const content = archive === undefined ? undefined : unpackFirst(archive);
  if (content === undefined) return;
  const output = new JobOutput({ where: `${EVENT_FOLDER}/out.ndjson` });
  output.push(content);
  output.emit(context);
}

/** Asking takes a twentieth of the time that an archive takes, and most jobs emit nothing. */
async function isEmpty(container: Container, path: string): Promise<boolean> {
  const info = await unlessMissing(container.infoArchive({ path }));
  info?.resume();
  const stat = info?.headers["x-docker-container-path-stat"];
  if (typeof stat !== "string") return info === undefined;
  const { size } = JSON.parse(Buffer.from(stat, "base64").toString()) as { readonly size?: unknown };
  return size === 0;
}

async function readAll(stream: NodeJS.ReadableStream & { destroy(): void }): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    size += (chunk as Buffer).length;
    if (size > LARGEST_OUTPUT) {
      stream.destroy();
      throw new PermanentError(`${EVENT_FOLDER}/out.ndjson is larger than ${LARGEST_OUTPUT} bytes`, {
        code: "INVALID_EVENT",
      });
    }
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}
