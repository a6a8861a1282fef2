import { saysNoSuchImage } from "../../child/image.ts";
import { createLineReader } from "../../child/lines.ts";
import { PermanentError, SluiceError } from "../../model/errors.ts";
import { reasonOf, statusOf, unlessMissing, withEngine, type Docker } from "./driver.ts";
import type { Options } from "./options.ts";

/** How a pull goes on: a layer's state, and bytes of all layers so far. */
export type OnPull = (text: string, done: number, total: number) => void;

const LONGEST_MESSAGE = 100_000;

/** Sees to it that images are there; the same one is pulled once at a time. */
export interface ImageStore {
  /**
   * @throws PermanentError IMAGE_UNAVAILABLE if there is no such image; SluiceError SOURCE_UNAVAILABLE if the engine or
   * the registry cannot be reached
   */
  ensure(docker: Docker, options: Pick<Options, "image" | "pull">, onPull: OnPull): Promise<void>;
}

export function createImageStore(): ImageStore {
  const pulls = new Map<string, Promise<void>>();
  return {
    async ensure(docker, { image, pull: policy }, onPull) {
      if (policy !== "always" && (await isThere(docker, image))) return;
      if (policy === "never") {
        throw unavailable(
          image,
          'the engine does not have it, and pull = "never"; pull or build it there first',
        );
      }
      let pulling = pulls.get(image);
      if (pulling === undefined) {
        pulling = pull(docker, image, onPull).finally(() => pulls.delete(image));
        pulls.set(image, pulling);
      } else {
        onPull(`${image} is being pulled for another run`, 0, 0);
      }
      await pulling;
    },
  };
}

function isThere(docker: Docker, image: string): Promise<boolean> {
  return withEngine(`look for the image ${image}`, async () => {
    return (await unlessMissing(docker.getImage(image).inspect())) !== undefined;
  });
}

async function pull(docker: Docker, image: string, onPull: OnPull): Promise<void> {
  let failure: string | undefined;
  const layers = new Map<string, { done: number; total: number }>();
  const reader = createLineReader(LONGEST_MESSAGE, (line) => {
    const message = parse(line);
    if (message.error !== undefined) failure = message.error;
    const { id = "", status = "", progressDetail } = message;
    if (progressDetail?.total !== undefined) {
      layers.set(id, { done: progressDetail.current ?? 0, total: progressDetail.total });
    }
    const all = [...layers.values()];
    const sum = (key: "done" | "total"): number => all.reduce((total, layer) => total + layer[key], 0);
    if (status !== "") onPull(`${id === "" ? "" : `${id}: `}${status}`, sum("done"), sum("total"));
  });
  try {
    const stream = await docker.pull(image);
    for await (const bytes of stream) reader.push(bytes as Buffer);
    reader.end();
  } catch (error) {
    const reason = reasonOf(error);
    if (statusOf(error) === undefined)
      await withEngine(`pull ${image}`, () => Promise.reject(error as Error));
    failure = statusOf(error) === 404 ? `${reason} (not found)` : reason;
  }
  if (failure === undefined) return;
  if (saysNoSuchImage(failure)) throw unavailable(image, failure);
  throw new SluiceError("SOURCE_UNAVAILABLE", `the image ${image} could not be pulled: ${failure}`);
}

interface PullMessage {
  readonly status?: string;
  readonly id?: string;
  readonly error?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
}

function parse(line: string): PullMessage {
  try {
    return JSON.parse(line) as PullMessage;
  } catch {
    return {};
  }
}

function unavailable(image: string, why: string): PermanentError {
  return new PermanentError(`there is no image ${image}: ${why}`, { code: "IMAGE_UNAVAILABLE" });
}
