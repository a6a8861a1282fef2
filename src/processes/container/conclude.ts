import { exitError } from "../../child/exit.ts";
import type { RunContext } from "../../model/component.ts";
import { parseDuration } from "../../model/duration.ts";
import { isSluiceError, SluiceError } from "../../model/errors.ts";
import { keptName } from "./create.ts";
import { reasonOf, unlessMissing, withEngine, type Container } from "./driver.ts";
import type { Options } from "./options.ts";
import { emitOutput } from "./output.ts";
import type { RunContainer } from "./start.ts";

/** Exit code of what got SIGKILL, which we send only where an attempt must end. */
const SIGKILLED = 137;

/** Emits what the container left and removes it, or keeps it and throws what its end means for the run. */
export async function conclude(
  found: RunContainer,
  exitCode: number,
  options: Options,
  tail: readonly string[],
  context: RunContext,
): Promise<void> {
  try {
    if (exitCode !== 0) await fail(found.container, exitCode, options, tail);
    await emitOutput(found, context);
  } catch (error) {
    if (!isSluiceError(error, "SOURCE_UNAVAILABLE")) await keep(found, options);
    throw error;
  }
  await found.remove().catch((error: unknown) => {
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
async function keep({ container, remove }: RunContainer, options: Options): Promise<void> {
  if (parseDuration(options.keep) === 0) return remove();
  const details = await unlessMissing(container.inspect());
  if (details === undefined) return;
  const attempt = details.Config.Labels?.["sluice.attempt"] ?? "0";
  await container.rename({ name: keptName(details.Name.replace(/^\//, ""), attempt, details.Id) });
}
