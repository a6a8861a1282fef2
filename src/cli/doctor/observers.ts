import { access, constants } from "node:fs/promises";
import { dirname } from "node:path";
import type { Pipeline } from "../../config/pipeline.ts";
import { toErrorRecord } from "../../model/errors.ts";
import { createAddressGuard } from "../../net/address.ts";
import { createHttpClient } from "../../net/client.ts";
import { loadApi } from "../../observe/opentelemetry.ts";
import { failed, ok, type Finding } from "./finding.ts";

type Observed = Pick<Pipeline, "tracing" | "lineage" | "redact">;

/** Whether what the pipeline is observed by is there. */
export async function checkObservers({ tracing, lineage, redact }: Observed): Promise<readonly Finding[]> {
  const findings: Promise<Finding>[] = [];
  if (tracing) findings.push(look("tracing", "@opentelemetry/api is installed", "install it", loadApi));
  if (lineage?.url !== undefined) {
    const { url, allowPrivate = false } = lineage;
    const cure = "start the receiver, or correct url and allow_private under [lineage]";
    const reach = (): Promise<void> =>
      createHttpClient({ guard: createAddressGuard(allowPrivate) }).reach(url);
    findings.push(look("lineage", `${new URL(url).origin} can be reached`, cure, reach));
  }
  if (lineage?.file !== undefined) {
    const folder = dirname(lineage.file);
    const cure = "make the folder, or correct file under [lineage]";
    const write = (): Promise<void> => access(folder, constants.W_OK);
    findings.push(look("lineage", `${folder} can be written to`, cure, write));
  }
  const found = await Promise.all(findings);
  return found.map((finding) => ({ ...finding, message: redact(finding.message) }));
}

async function look(
  check: string,
  good: string,
  cure: string,
  examine: () => Promise<unknown>,
): Promise<Finding> {
  try {
    await examine();
    return ok(check, good);
  } catch (error) {
    return failed(check, toErrorRecord(error).message, cure);
  }
}
