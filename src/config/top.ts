import { z } from "zod";
import { isLoopback } from "../model/loopback.ts";
import { didYouMean } from "../model/suggest.ts";
import { mapKeys, toCamelCase } from "./case.ts";
import { read, type Report } from "./checks.ts";
import { parseListen, type Listen } from "./listen.ts";
import type { PipelineHttp, PipelineLineage, PipelineRetention } from "./pipeline.ts";
import { TOP, type Fields, type TopKey } from "./schema.ts";
import { parseSize } from "../model/size.ts";

/** The lists of components and links, beside the keys of {@link TOP}. */
const PARTS = ["input", "process", "link"] as const;

/** Their names in files, by those that code gives them. */
export const SINGULAR: ReadonlyMap<string, string> = new Map([
  ["inputs", "input"],
  ["processes", "process"],
  ["links", "link"],
]);

/** What a file says at its top, but for components and links. */
export interface Top {
  readonly name?: string;
  readonly journal?: string;
  readonly managedBy: "file" | "api";
  readonly concurrency?: number;
  readonly grace?: string | number;
  readonly retention: PipelineRetention;
  readonly http: PipelineHttp | null;
  readonly hooks: Listen | null;
  readonly tracing: boolean;
  readonly lineage: PipelineLineage | null;
}

/** Reads each key by itself, so that one that is wrong hides no other. */
export function readTop(value: Fields, report: Report): Top {
  const known = [...Object.keys(TOP), ...PARTS];
  for (const key of Object.keys(value)) {
    if (known.includes(key)) continue;
    report.atKey([key], "UNKNOWN_KEY", `there is no key ${JSON.stringify(key)}${hintFor(key, known)}`);
  }
  for (const part of PARTS) {
    const list = value[part];
    if (list === undefined || Array.isArray(list)) continue;
    report.atKey(
      [part],
      "INVALID_OPTIONS",
      `${part} is a list; in TOML, write [[${part}]] with two brackets`,
    );
  }
  const found: Partial<Record<TopKey, unknown>> = {};
  for (const key of Object.keys(TOP) as TopKey[]) {
    if (value[key] === undefined) continue;
    const keys = TOP[key] instanceof z.ZodObject ? Object.keys(TOP[key].shape) : [];
    found[key] = read(TOP[key], value[key], {
      report,
      path: [key],
      what: key,
      known: keys,
      elsewhere: (inner) =>
        Object.hasOwn(TOP, inner)
          ? `; ${inner} is a key of the top: in TOML, write it before any [table]`
          : "",
    });
  }
  const { retention, http, hooks, connections: _, managed_by: managedBy = "file", ...others } = found;
  const { tracing, lineage, ...rest } = others;
  return {
    managedBy: managedBy as Top["managedBy"],
    ...(rest as Pick<Top, "name" | "journal" | "concurrency" | "grace">),
    retention: toRetention(retention as Record<string, string | number> | undefined),
    http: toHttp(http as RawHttp | undefined, report),
    hooks: hooks === undefined ? null : parseListen((hooks as { listen: string }).listen),
    tracing: (tracing as { enabled: boolean } | undefined)?.enabled ?? false,
    lineage: toLineage(lineage as Fields | undefined),
  };
}

function hintFor(key: string, known: readonly string[]): string {
  const singular = SINGULAR.get(key);
  return singular === undefined ? didYouMean(key, known) : `; did you mean "[[${singular}]]"?`;
}

function toRetention(retention: Record<string, string | number> = {}): PipelineRetention {
  const { max_size: size, ...durations } = retention;
  return size === undefined ? durations : { ...durations, maxSize: parseSize(size) };
}

function toLineage(lineage: Fields | undefined): PipelineLineage | null {
  return lineage === undefined ? null : mapKeys(lineage, toCamelCase);
}

interface RawHttp extends Omit<PipelineHttp, keyof Listen | "viewerToken" | "adminToken"> {
  readonly listen: string;
  readonly viewer_token?: string;
  readonly admin_token?: string;
}

function toHttp(http: RawHttp | undefined, report: Report): PipelineHttp | null {
  if (http === undefined) return null;
  const listen = parseListen(http.listen);
  const { listen: _, viewer_token: viewerToken, admin_token: adminToken, ...rest } = http;
  const isOpen = http.token === undefined && viewerToken === undefined && adminToken === undefined;
  if (isOpen && !isLoopback(listen.host)) {
    report.atValue(
      ["http", "listen"],
      "INSECURE_LISTENER",
      `http: ${JSON.stringify(http.listen)} can be reached from outside; set a token, or listen on 127.0.0.1`,
    );
  }
  return {
    ...listen,
    ...rest,
    ...(viewerToken !== undefined && { viewerToken }),
    ...(adminToken !== undefined && { adminToken }),
  };
}
