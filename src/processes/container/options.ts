import { z } from "zod";
import { IMAGE_NAME } from "../../child/image.ts";
import {
  capabilitiesOption,
  environmentOption,
  imageJobShape,
  pathOption,
  textOption,
  wordsOption,
  type ImageJob,
  type ImageJobOptions,
} from "../../child/job-options.ts";
import { sizeOption } from "../../options/amounts.ts";
import { findUnsafe } from "./safety.ts";

/** What a container sees of the outside. */
export interface ContainerMount {
  /** A path (relative to the config file's folder), or the name of a volume. Without it: memory (tmpfs). */
  readonly source?: string | undefined;
  /** Absolute path in the container. */
  readonly target: string;
  /** Whether the container may write there. Defaults to `false` with a source, else to `true`. */
  readonly writable?: boolean | undefined;
}

/** Options of the `container` process. */
export interface ContainerProcessOptions extends ImageJobOptions {
  /** The image, such as `"registry.example/enrich:1.4"`. Without a tag: `latest`. */
  readonly image: string;
  /** The program's arguments (or the program, if the image has no entry point). Defaults to the image's own. */
  readonly command?: readonly string[] | undefined;
  /** Environment variables. Nothing of the host's own is handed on. Defaults to none. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Whether the image is pulled. Defaults to `"missing"`. */
  readonly pull?: "missing" | "always" | "never" | undefined;
  /** `"none"`, `"bridge"`, or a network's name. Defaults to `"none"`. */
  readonly network?: string | undefined;
  /** Defaults to none. */
  readonly mounts?: readonly ContainerMount[] | undefined;
  /** Most memory, swap included. Defaults to `"512MiB"`. */
  readonly memory?: number | string | undefined;
  /** Most processor time, in processors. Defaults to 1. */
  readonly cpus?: number | undefined;
  /** Most processes and threads. Defaults to 256. */
  readonly pids?: number | undefined;
  /** `uid`, `uid:gid`, or a name that the image knows. Defaults to the image's own. */
  readonly user?: string | undefined;
  /** Whether the root file system cannot be written to. Defaults to `true`. */
  readonly readOnly?: boolean | undefined;
  /** Linux capabilities that it keeps, such as `"NET_BIND_SERVICE"`. Defaults to none. */
  readonly capabilities?: readonly string[] | undefined;
  /** All rights over the host. Needs `unsafe`. Defaults to `false`. */
  readonly privileged?: boolean | undefined;
  /** Lets options through that give the container power over the host. Defaults to `false`. */
  readonly unsafe?: boolean | undefined;
  /** Whether the event is also written to its standard input (not with podman). Defaults to `true`. */
  readonly stdin?: boolean | undefined;
  /**
   * Whether the event and `out.ndjson` are files of ours that are mounted, if the engine sees our file system: that saves
   * about 70 ms. Otherwise they are copied. Defaults to `true`.
   */
  readonly shareFiles?: boolean | undefined;
  /** `unix:///path` or `http://host:port` of the engine. Defaults to DOCKER_HOST, else `/var/run/docker.sock`. */
  readonly engine?: string | undefined;
}

export interface Options extends ImageJob {
  readonly image: string;
  readonly command?: readonly string[] | undefined;
  readonly env: Readonly<Record<string, string>>;
  readonly pull: "missing" | "always" | "never";
  readonly network: string;
  readonly mounts: readonly ContainerMount[];
  readonly memory: number | string;
  readonly cpus: number;
  readonly pids: number;
  readonly user?: string | undefined;
  readonly readOnly: boolean;
  readonly capabilities: readonly string[];
  readonly privileged: boolean;
  readonly unsafe: boolean;
  readonly stdin: boolean;
  readonly shareFiles: boolean;
  readonly engine?: string | undefined;
}

const mount = z.strictObject({
  source: textOption
    .min(1)
    .optional()
    .describe("A path (relative to the config file's folder), or a volume's name. Without it: memory."),
  target: pathOption
    .refine((path) => path !== "/" && !/^\/sluice(\/|$)/.test(path), "must be neither / nor in /sluice")
    .describe("Absolute path in the container."),
  writable: z
    .boolean()
    .optional()
    .describe("Whether it may write there. Defaults to false with a source, else to true."),
});

export const containerOptions: z.ZodType<Options, ContainerProcessOptions> = z
  .strictObject({
    image: z
      .string()
      .regex(IMAGE_NAME, "is not the name of an image")
      .describe('The image, such as "registry.example/enrich:1.4". Without a tag: latest.'),
    command: wordsOption.optional().describe("Arguments. Defaults to the image's own."),
    env: environmentOption
      .default({})
      .describe("Environment variables. Nothing of the host's own is handed on. Defaults to none."),
    pull: z
      .enum(["missing", "always", "never"])
      .default("missing")
      .describe("Whether the image is pulled. Defaults to missing."),
    network: z
      .string()
      .min(1)
      .default("none")
      .describe("none, bridge, or a network's name. Defaults to none."),
    mounts: z.array(mount).default([]).describe("What it sees of the outside. Defaults to none."),
    memory: sizeOption.default("512MiB").describe("Most memory, swap included. Defaults to 512MiB."),
    cpus: z.number().min(0.01).default(1).describe("Most processor time, in processors. Defaults to 1."),
    pids: z.int().min(1).default(256).describe("Most processes and threads. Defaults to 256."),
    user: z.string().min(1).optional().describe("uid, uid:gid or a name. Defaults to the image's own."),
    readOnly: z
      .boolean()
      .default(true)
      .describe("Whether the root file system cannot be written to. Defaults to true."),
    capabilities: capabilitiesOption
      .default([])
      .describe("Linux capabilities that it keeps. Defaults to none."),
    privileged: z.boolean().default(false).describe("All rights over the host. Needs unsafe."),
    unsafe: z
      .boolean()
      .default(false)
      .describe("Lets options through that give the container power over the host. Defaults to false."),
    stdin: z
      .boolean()
      .default(true)
      .describe("Whether the event is also written to its standard input (not with podman)."),
    shareFiles: z
      .boolean()
      .default(true)
      .describe(
        "Whether its files are mounted, if the engine sees our file system, or always copied. Defaults to true.",
      ),
    ...imageJobShape,
    engine: z
      .string()
      .regex(/^(unix:\/\/\/.+|https?:\/\/.+)$/, "must be unix:///path or http://host:port")
      .optional()
      .describe("Address of the engine. Defaults to DOCKER_HOST, else unix:///var/run/docker.sock."),
  })
  .superRefine((options, context) => {
    if (options.unsafe) return;
    for (const { path, message } of findUnsafe(options)) {
      context.addIssue({ code: "custom", path: [...path], message });
    }
  });
