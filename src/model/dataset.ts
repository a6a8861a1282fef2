import { SluiceError } from "./errors.ts";
import { parseOperation, type Operation } from "./operation.ts";

/** What a component reads or writes: a table, a topic, a file. */
export interface Dataset {
  /** `postgres://host/db`, `kafka://cluster`, `file:`…; `null` if the component does not say which. */
  readonly namespace: string | null;
  /** `schema.table`, a topic, a path. */
  readonly name: string;
  /** The operations on it; `null` stands for all. */
  readonly operations: readonly Operation[] | null;
}

const NAMESPACED = /^([a-z][a-z0-9+.-]*:\/\/[^/]+(?:\/[^/]+)?)\/([^/]+)$/;
const OPERATIONS =
  /^(.+):((?:create|insert|read|update|delete|remove)(?:,(?:create|insert|read|update|delete|remove))*)$/i;

/**
 * Reads `raw.orders`, `raw.orders:create,update` or `postgres://host/db/raw.orders:create`.
 *
 * @throws SluiceError INVALID_OPTIONS
 */
export function parseDataset(text: string): Dataset {
  let name = text;
  let operations: Operation[] | null = null;
  const narrowed = OPERATIONS.exec(text);
  if (narrowed !== null) {
    operations = (narrowed[2] as string).split(",").map(parseOperation);
    name = narrowed[1] as string;
  }
  if (name === "") {
    throw new SluiceError("INVALID_OPTIONS", `${JSON.stringify(text)} names no dataset`);
  }
  const spaced = NAMESPACED.exec(name);
  return spaced === null
    ? { namespace: null, name, operations }
    : { namespace: spaced[1] as string, name: spaced[2] as string, operations };
}

export function formatDataset(dataset: Dataset): string {
  const name = dataset.namespace === null ? dataset.name : `${dataset.namespace}/${dataset.name}`;
  return dataset.operations === null ? name : `${name}:${dataset.operations.join(",")}`;
}

/** Whether what is written to one can be seen by who reads the other. An unsaid namespace may be any. */
export function datasetsMeet(written: Dataset, read: Dataset): boolean {
  if (written.name !== read.name) return false;
  if (written.namespace !== null && read.namespace !== null && written.namespace !== read.namespace) {
    return false;
  }
  const seen = read.operations;
  return written.operations === null || seen === null || written.operations.some((o) => seen.includes(o));
}
