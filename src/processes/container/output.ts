import { JobOutput, LARGEST_OUTPUT } from "../../child/output.ts";
import type { RunContext } from "../../model/component.ts";
import { unlessMissing, withEngine, type Container } from "./driver.ts";
import { OUTPUT_PATH, readOutput, tooLarge } from "./files.ts";
import type { RunContainer } from "./start.ts";
import { unpackFirst } from "./tar.ts";

/** Emits the events that a container which succeeded has written. */
export async function emitOutput({ container, files }: RunContainer, context: RunContext): Promise<void> {
  const content = files === undefined ? await readArchive(container) : await readOutput(files);
  if (content === undefined || content.length === 0) return;
  const output = new JobOutput({ where: OUTPUT_PATH });
  output.push(content);
  output.emit(context);
}

async function readArchive(container: Container): Promise<Buffer | undefined> {
  const archive = await withEngine("read what the container emits", async () => {
    if (await isEmpty(container)) return undefined;
    const stream = await unlessMissing(container.getArchive({ path: OUTPUT_PATH }));
    return stream === undefined ? undefined : readAll(stream);
  });
  return archive === undefined ? undefined : unpackFirst(archive);
}

/** Asking takes a twentieth of the time that an archive takes, and most jobs emit nothing. */
async function isEmpty(container: Container): Promise<boolean> {
  const info = await unlessMissing(container.infoArchive({ path: OUTPUT_PATH }));
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
      throw tooLarge();
    }
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}
