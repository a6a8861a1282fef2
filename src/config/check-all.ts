import { isSluiceError, SluiceError, toErrorRecord } from "../model/errors.ts";
import type { PipelineInput, PipelineProcess } from "./pipeline.ts";

/** As at the start of a pipeline: clients are loaded, modules too. Inputs also look whether their source is there. */
export async function checkAll(
  components: readonly (PipelineInput | PipelineProcess)[],
  directory: string,
): Promise<void> {
  for (const { role, name, made } of components) {
    try {
      await made?.kind.load?.();
      if (role === "input" || made?.kind.type === "function") {
        await made?.kind.check?.(made.options as never, { directory });
      }
    } catch (error) {
      const { message } = toErrorRecord(error);
      const code = isSluiceError(error) ? error.code : "SOURCE_UNAVAILABLE";
      throw new SluiceError(code, `${role} "${name}": ${message}`, { cause: error });
    }
  }
}
