import { z } from "zod";
import { programShape, type Program, type ProgramOptions } from "../../child/program.ts";
import type { Duration } from "../../model/duration.ts";
import { pickOption, type PickedFields } from "../../net/options.ts";
import { durationOption, sizeOption } from "../../options/amounts.ts";

/** Options of the `exec` input. */
export interface ExecInputOptions extends ProgramOptions {
  /**
   * What the program prints on standard output, a line each: `"events"` as JSON, `"json"` of any kind, which becomes an
   * event's `data`, or `"text"`, which does so too. Defaults to `"events"`.
   */
  readonly lines?: "events" | "json" | "text" | undefined;
  /**
   * Whether each line is answered on the program's standard input once it is durable, or refused. Defaults to `true`
   * for events, else to `false`.
   */
  readonly acknowledge?: boolean | undefined;
  /** Location of events that do not say theirs. Defaults to the input's name. */
  readonly location?: string | undefined;
  /** JSON Pointers to the fields of an event in a line, for `lines = "json"`. Defaults to `data` alone. */
  readonly pick?: PickedFields | undefined;
  /**
   * What a line that is refused does: it is answered and logged, and the input goes on, or (`"fail"`) the input fails
   * besides. Defaults to `"refuse"`.
   */
  readonly onUndecodable?: "refuse" | "fail" | undefined;
  /** Longest line, in bytes. Defaults to 1MiB. */
  readonly maxLine?: number | string | undefined;
  /**
   * Starts the program again so long after it ended with exit code 0. Defaults to never: the input is finished then.
   */
  readonly restartAfter?: Duration | undefined;
}

export interface Options extends Program {
  readonly lines: "events" | "json" | "text";
  readonly acknowledge?: boolean | undefined;
  readonly location?: string | undefined;
  readonly pick?: PickedFields | undefined;
  readonly onUndecodable: "refuse" | "fail";
  readonly maxLine: number | string;
  readonly restartAfter?: Duration | undefined;
}

export const execOptions: z.ZodType<Options, ExecInputOptions> = z
  .strictObject({
    ...programShape,
    lines: z
      .enum(["events", "json", "text"])
      .default("events")
      .describe(
        "What it prints, a line each: events as JSON, JSON or text that becomes an event's data. Defaults to events.",
      ),
    acknowledge: z
      .boolean()
      .optional()
      .describe(
        "Whether each line is answered on its standard input. Defaults to true for events, else to false.",
      ),
    location: z
      .string()
      .min(1)
      .optional()
      .describe("Location of events that do not say theirs. Defaults to the input's name."),
    pick: pickOption.describe('JSON Pointers to the fields of an event in a line, for lines = "json".'),
    onUndecodable: z
      .enum(["refuse", "fail"])
      .default("refuse")
      .describe(
        "Whether a line that is no event is answered and logged only, or the input fails too. Defaults to refuse.",
      ),
    maxLine: sizeOption.default("1MiB").describe("Longest line. Defaults to 1MiB."),
    restartAfter: durationOption
      .optional()
      .describe(
        "Starts it again so long after it ended with exit code 0. Defaults to never: the input is finished then.",
      ),
  })
  .refine(({ lines, pick }) => pick === undefined || lines === "json", {
    message: 'is for lines = "json"',
    path: ["pick"],
  });
