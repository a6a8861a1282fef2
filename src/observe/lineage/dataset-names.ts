import { parseDataset } from "../../model/dataset.ts";

/** A dataset as OpenLineage names it. */
export interface LineageDataset {
  readonly namespace: string;
  readonly name: string;
}

/** Of services whose default port need not be written; OpenLineage's names always have it. */
const PORTS: Readonly<Record<string, number>> = { postgres: 5432, kafka: 9092 };

/**
 * The OpenLineage name of a dataset of ours (https://openlineage.io/docs/spec/naming#dataset-naming): tables of
 * PostgreSQL are `postgres://host:port` and `database.schema.table`, topics `kafka://host:port` (of the first broker)
 * and the topic, files `file` and their path. What does not say where it is stands in `otherwise`.
 */
export function nameDataset(text: string, otherwise: string): LineageDataset {
  const { namespace, name } = parseDataset(text);
  if (namespace === null) {
    return name.startsWith("file:")
      ? { namespace: "file", name: name.slice("file:".length) }
      : { namespace: otherwise, name };
  }
  const [, scheme = "", authority = "", path] = /^([^:]+):\/\/([^/]+)(?:\/(.+))?$/.exec(namespace) ?? [];
  const [first = authority] = authority.split(",");
  const port = PORTS[scheme];
  const address = port === undefined || /:\d+$/.test(first) ? first : `${first}:${port}`;
  return { namespace: `${scheme}://${address}`, name: path === undefined ? name : `${path}.${name}` };
}
