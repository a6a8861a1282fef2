import { z } from "zod";
import { parseDuration, type Duration } from "../../model/duration.ts";
import { durationOption, sizeOption } from "../../options/amounts.ts";

/** What of a file goes into its events. */
export type FileRead = "none" | "text" | "lines" | "json" | "ndjson" | "csv";

/** Options of the `file` input. */
export interface FileInputOptions {
  /** A folder, a file, or a glob such as `inbox/*.csv`. Relative paths start from the config file's folder. */
  readonly path: string;
  /**
   * What of a file goes into its events: nothing, all of it as text or JSON, or an event for each line, line of JSON or
   * row of CSV. Defaults to `none`.
   */
  readonly read?: FileRead | undefined;
  /** Files only grow: what is new at their end is sent, as by `tail -F`. For `lines`, `ndjson`, `csv`. Defaults to `false`. */
  readonly follow?: boolean | undefined;
  /** Whether files that are there at the very first start are sent. Defaults to `true`. */
  readonly initial?: boolean | undefined;
  /**
   * What becomes of a file once all of its events are in the journal: it stays, is deleted, or is moved to `to`. Not for
   * `none`, nor under `follow`. Defaults to `keep`.
   */
  readonly after?: "keep" | "delete" | "move" | undefined;
  /** The folder that files are moved to, keeping their place below the watched one. */
  readonly to?: string | undefined;
  /** How long a file must have rested before it is read (not under `follow`), or told as deleted. Defaults to 2s. */
  readonly stable?: Duration | undefined;
  /** Looks at the whole folder so often, in place of being notified: for network file systems. Defaults to none. */
  readonly pollInterval?: Duration | undefined;
  /** Globs of names, or of paths in the folder, that are left out. Defaults to editors' and unfinished files. */
  readonly ignore?: readonly string[] | undefined;
  /** Whether names that begin with a dot count. Defaults to `false`. */
  readonly dotfiles?: boolean | undefined;
  /** Whether links that lead out of the folder, or to folders, are followed. Defaults to `false`. */
  readonly followSymlinks?: boolean | undefined;
  /** Largest file of `text` and `json`, and largest line or row. Defaults to 1MB. */
  readonly maxBytes?: number | string | undefined;
  /**
   * What becomes of content that cannot be read: `hold` stops at it, in that file, until the file changes; `skip` leaves
   * it out and says so in the log. Defaults to `hold`.
   */
  readonly onUndecodable?: "hold" | "skip" | undefined;
  /** Of CSV: one character between fields. Defaults to `,`. */
  readonly delimiter?: string | undefined;
  /** Of CSV: one character around fields; empty for none. Defaults to `"`. */
  readonly quote?: string | undefined;
  /** Of CSV: whether the first row has the columns' names, or the names. `false` makes rows lists. Defaults to `true`. */
  readonly header?: boolean | readonly string[] | undefined;
}

/** The options with their defaults. */
export interface ResolvedOptions {
  readonly path: string;
  readonly read: FileRead;
  readonly follow: boolean;
  readonly initial: boolean;
  readonly after: "keep" | "delete" | "move";
  readonly to?: string | undefined;
  readonly stable: Duration;
  readonly pollInterval?: Duration | undefined;
  readonly ignore: readonly string[];
  readonly dotfiles: boolean;
  readonly followSymlinks: boolean;
  readonly maxBytes: number | string;
  readonly onUndecodable: "hold" | "skip";
  readonly delimiter: string;
  readonly quote: string;
  readonly header: boolean | readonly string[];
}

/** What editors and downloads leave while they are not done. */
const UNFINISHED = ["*~", "#*#", "*.{swp,swx,tmp,temp,part,partial,filepart,crdownload}"];

const SHORTEST_POLL = 100;
const ASCII = /^[\t\x20-\x7e]$/;

/** Whether a file has several events. */
export function isByRows(read: FileRead): boolean {
  return read === "lines" || read === "ndjson" || read === "csv";
}

export const fileInputOptions: z.ZodType<ResolvedOptions, FileInputOptions> = z
  .strictObject({
    path: z
      .string()
      .min(1)
      .refine((path) => !path.includes("\0"), "a path has no NUL")
      .describe("A folder, a file, or a glob such as inbox/*.csv."),
    read: z
      .enum(["none", "text", "lines", "json", "ndjson", "csv"])
      .default("none")
      .describe(
        "What of a file goes into its events; lines, ndjson and csv make one for each. Defaults to none.",
      ),
    follow: z
      .boolean()
      .default(false)
      .describe("Files only grow, as logs do: what is new at their end is sent. Defaults to false."),
    initial: z
      .boolean()
      .default(true)
      .describe("Whether files that are there at the very first start are sent. Defaults to true."),
    after: z
      .enum(["keep", "delete", "move"])
      .default("keep")
      .describe("What becomes of a file once all of it is in the journal. Defaults to keep."),
    to: z
      .string()
      .min(1)
      .refine((path) => !path.includes("\0"), "a path has no NUL")
      .optional()
      .describe("The folder that files are moved to, keeping their place below the watched one."),
    stable: durationOption
      .default("2s")
      .describe("How long a file must have rested before it is read, or told as deleted. Defaults to 2s."),
    pollInterval: durationOption
      .refine((text) => parseDuration(text) >= SHORTEST_POLL, "must be 100ms at least")
      .optional()
      .describe("Looks at the folder so often, for network file systems. Defaults to being notified."),
    ignore: z
      .array(z.string().min(1))
      .default(UNFINISHED)
      .describe("Globs of names or paths that are left out. Defaults to editors' and unfinished files."),
    dotfiles: z
      .boolean()
      .default(false)
      .describe("Whether names that begin with a dot count. Defaults to false."),
    followSymlinks: z
      .boolean()
      .default(false)
      .describe("Whether links out of the folder, or to folders, are followed. Defaults to false."),
    maxBytes: sizeOption
      .default("1MB")
      .describe("Largest file of text and json, and largest line or row. Defaults to 1MB."),
    onUndecodable: z
      .enum(["hold", "skip"])
      .default("hold")
      .describe("Content that cannot be read: the file is held there, or it is left out. Defaults to hold."),
    delimiter: z
      .string()
      .regex(ASCII, "must be one ASCII character")
      .default(",")
      .describe("Of CSV: the character between fields. Defaults to a comma."),
    quote: z
      .union([z.literal(""), z.string().regex(ASCII, "must be one ASCII character, or empty")])
      .default('"')
      .describe('Of CSV: the character around fields; empty for none. Defaults to ".'),
    header: z
      .union([z.boolean(), z.array(z.string()).min(1)])
      .default(true)
      .describe("Of CSV: whether the first row has the columns' names, or the names. Defaults to true."),
  })
  .superRefine((given, context) => {
    const wrong = (path: string, message: string): void =>
      context.addIssue({ code: "custom", path: [path], message });
    if (given.follow && !isByRows(given.read)) wrong("follow", "only lines, ndjson and csv can be followed");
    if (given.after !== "keep" && given.read === "none")
      wrong("after", "a file that is not read would be gone before its process sees it; say what is read");
    if (given.after !== "keep" && given.follow) wrong("after", "a file that is followed has no end");
    if ((given.after === "move") !== (given.to !== undefined))
      wrong("to", given.to === undefined ? 'after = "move" needs a folder' : 'is for after = "move" only');
    if (given.quote === given.delimiter) wrong("quote", "must be another character than the delimiter");
    if (Array.isArray(given.header) && new Set(given.header).size < given.header.length)
      wrong("header", "names a column twice");
  });
