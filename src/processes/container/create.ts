import { createHash } from "node:crypto";
import { realpathSync } from "node:fs";
import { hostname } from "node:os";
import { resolve } from "node:path";
import { EVENT_FOLDER, eventEnvironment, type JobIdentity } from "../../child/event-environment.ts";
import { ownMark } from "../../child/proc.ts";
import { parseDuration } from "../../model/duration.ts";
import { PermanentError } from "../../model/errors.ts";
import { parseSize } from "../../model/size.ts";
import { mountsOf } from "./files.ts";
import type { ContainerMount, Options } from "./options.ts";
import { isHostPath, isPath } from "./safety.ts";

/** Whose container it is, and for which attempt of which run. */
export interface ContainerIdentity extends JobIdentity {
  readonly pipeline: string;
  readonly journal: string;
  readonly process: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** The one name of a run's container: found again by it after a crash, and refused by the engine a second time. */
export function containerName({ journal, run }: Pick<ContainerIdentity, "journal" | "run">): string {
  return `sluice-${createHash("sha256").update(`${journal}\n${run}`).digest("hex").slice(0, 32)}`;
}

/** A container that failed gives its name free for the next attempt. */
export function keptName(name: string, attempt: string, id: string): string {
  return `${name}-failed-${attempt}-${id.slice(0, 8)}`;
}

export function isKeptName(name: string): boolean {
  return /^\/?sluice-[0-9a-f]{32}-failed-/.test(name);
}

/** The name that a container, now kept perhaps, had while its run lasted. */
export function runNameOf(name: string): string {
  return name.replace(/^\//, "").replace(/-failed-.*/, "");
}

/** What the engine is asked for (`POST /containers/create` of the Docker Engine API 1.41). */
export function createOptions(
  identity: ContainerIdentity,
  options: Options,
  place: {
    readonly event: string;
    readonly directory: string;
    readonly stdin: boolean;
    /** Where its files lie, if it shares them; else they come into a volume. */
    readonly files: string | undefined;
  },
): Record<string, unknown> {
  const memory = parseSize(options.memory);
  const { stdin, files } = place;
  return {
    name: containerName(identity),
    Image: options.image,
    ...(options.command !== undefined && { Cmd: options.command }),
    ...(options.user !== undefined && { User: options.user }),
    ...(options.workdir !== undefined && { WorkingDir: options.workdir }),
    Env: Object.entries(eventEnvironment(identity, options.env, place.event)).map(
      ([key, value]) => `${key}=${value}`,
    ),
    Labels: labels(identity, options, files),
    OpenStdin: stdin,
    StdinOnce: stdin,
    AttachStdin: stdin,
    Tty: false,
    HostConfig: {
      NetworkMode: options.network,
      Privileged: options.privileged,
      CapDrop: options.privileged ? [] : ["ALL"],
      CapAdd: options.capabilities,
      SecurityOpt: options.privileged ? [] : ["no-new-privileges"],
      ReadonlyRootfs: options.readOnly,
      Tmpfs: { "/tmp": `rw,nosuid,nodev,mode=1777,size=${parseSize(options.tmp)}` },
      Memory: memory,
      MemorySwap: memory,
      NanoCpus: Math.round(options.cpus * 1e9),
      PidsLimit: options.pids,
      RestartPolicy: { Name: "no" },
      // An endless output fills no disk.
      LogConfig: { Type: "json-file", Config: { "max-size": "10m", "max-file": "2" } },
      Mounts: [
        ...(files === undefined ? [{ Type: "volume", Target: EVENT_FOLDER }] : mountsOf(files)),
        ...options.mounts.map((mount) => toMount(mount, options, place.directory)),
      ],
    },
  };
}

function labels(
  identity: ContainerIdentity,
  { keep }: Options,
  files: string | undefined,
): Record<string, string> {
  return {
    ...identity.labels,
    "sluice.pipeline": identity.pipeline,
    "sluice.journal": identity.journal,
    "sluice.process": identity.process,
    "sluice.run": identity.run,
    "sluice.attempt": String(identity.attempt),
    "sluice.fence": String(identity.fence),
    "sluice.keep": String(parseDuration(keep)),
    "sluice.host": hostname(),
    "sluice.owner": ownMark() ?? "",
    "sluice.files": files ?? "",
  };
}

function toMount(
  { source, target, writable = source === undefined }: ContainerMount,
  { unsafe, engine }: Options,
  directory: string,
): object {
  if (source === undefined) return { Type: "tmpfs", Target: target, ReadOnly: !writable };
  const ReadOnly = !writable;
  if (!isPath(source)) return { Type: "volume", Source: source, Target: target, ReadOnly };
  const path = resolve(directory, source);
  // A link may lead where its name does not say, and a relative path wherever the folder is.
  if (!unsafe && (isHostPath(path, engine) || isHostPath(real(path), engine))) {
    throw new PermanentError(
      `the mount ${JSON.stringify(source)} leads to ${real(path)}, which gives the container power over the host; if that is meant, say unsafe = true`,
      { code: "INVALID_OPTIONS" },
    );
  }
  return { Type: "bind", Source: path, Target: target, ReadOnly };
}

function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
