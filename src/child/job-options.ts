import { z } from "zod";
import type { Duration } from "../model/duration.ts";
import { durationOption, sizeOption } from "../options/amounts.ts";
import type { Shape } from "../options/shape.ts";
import { TRY_AGAIN } from "./exit.ts";

// What kinds that run a program for each event let their user say of it: here, in a container, or in a cluster.

/** How what it wrote, and its exit code, are taken. */
export interface JobOptions {
  /** Exit codes after which trying again cannot help: 1 to 255, but not 75. Defaults to none. */
  readonly permanentExitCodes?: readonly number[] | undefined;
  /** Lines of output that are kept. Defaults to 10,000. */
  readonly maxLines?: number | undefined;
  /** Characters of output that are kept. Defaults to 500,000. */
  readonly maxCharacters?: number | undefined;
}

export interface Job {
  readonly permanentExitCodes: readonly number[];
  readonly maxLines: number;
  readonly maxCharacters: number;
}

/** Of a job that has an image. */
export interface ImageJobOptions extends JobOptions {
  /** Working directory in the container. Defaults to the image's own. */
  readonly workdir?: string | undefined;
  /** Size of `/tmp`, which is memory and counts as such. Defaults to `"64MiB"`. */
  readonly tmp?: number | string | undefined;
  /** Time between SIGTERM and SIGKILL when it must end. Defaults to 5s. */
  readonly killAfter?: Duration | undefined;
  /** How long what failed is kept for a look at it. Defaults to `"1h"`. */
  readonly keep?: Duration | undefined;
}

export interface ImageJob extends Job {
  readonly workdir?: string | undefined;
  readonly tmp: number | string;
  readonly killAfter: Duration;
  readonly keep: Duration;
}

export const textOption: z.ZodString = z
  .string()
  .refine((text) => !text.includes("\0"), "must not hold a NUL character");

/** What begins with a program, or is handed to one. */
export const wordsOption: z.ZodArray<z.ZodString> = z.array(textOption).min(1);

export const pathOption: z.ZodString = textOption.regex(/^\//, "must be an absolute path");

/** Names and values of environment variables. */
export const environmentOption: z.ZodType<
  Readonly<Record<string, string>>,
  Readonly<Record<string, string>>
> = z.record(z.string().regex(/^[^=\0]+$/, "is not a name of a variable"), textOption);

export const capabilitiesOption: z.ZodType<readonly string[], readonly string[]> = z.array(
  z.string().regex(/^[A-Z_]+$/, "is not the name of a capability"),
);

export const jobShape: Shape<JobOptions, Job> = {
  permanentExitCodes: z
    .array(z.int().min(1).max(255))
    .refine((codes) => !codes.includes(TRY_AGAIN), "must not hold 75, which asks for another try")
    .default([])
    .describe("Exit codes after which trying again cannot help. Defaults to none."),
  maxLines: z.int().min(0).default(10_000).describe("Lines of output that are kept. Defaults to 10000."),
  maxCharacters: z
    .int()
    .min(0)
    .default(500_000)
    .describe("Characters of output that are kept. Defaults to 500000."),
};

export const imageJobShape: Shape<ImageJobOptions, ImageJob> = {
  workdir: pathOption.optional().describe("Working directory. Defaults to the image's own."),
  tmp: sizeOption.default("64MiB").describe("Size of /tmp, which counts as memory. Defaults to 64MiB."),
  killAfter: durationOption.default("5s").describe("Time between SIGTERM and SIGKILL. Defaults to 5s."),
  keep: durationOption.default("1h").describe("How long what failed is kept for a look. Defaults to 1h."),
  ...jobShape,
};
