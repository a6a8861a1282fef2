import { Socket } from "node:net";
import { withEngine, type Container, type Engine, type Output } from "./driver.ts";

/** The streams of a container that is about to start. */
export interface Streams {
  readonly output: Output | undefined;
  /** Gives it its whole input. */
  write(input: string): void;
}

/**
 * Attaches to a container before its start, so that nothing of its output is missed: the engine's log, followed, loses
 * the last line of a container now and then if nothing ends that line. `undefined` with Podman, which writes the body of
 * this very call into the container's input.
 */
export async function attach(
  { isPodman }: Engine,
  container: Container,
  stdin: boolean,
): Promise<Streams | undefined> {
  if (isPodman) return undefined;
  const stream = await withEngine("attach", () =>
    container.attach({ stream: true, stdout: true, stderr: true, ...(stdin && { stdin, hijack: true }) }),
  );
  // A container that does not read its input breaks nothing.
  stream.on("error", () => undefined);
  // Where a proxy lets no connection become another, closing the input closes all.
  const isWhole = !stdin || stream instanceof Socket;
  if (!isWhole) stream.resume();
  return {
    output: isWhole ? stream : undefined,
    write(input) {
      if (stdin) stream.end(input);
    },
  };
}
