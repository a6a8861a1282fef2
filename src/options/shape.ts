import type { z } from "zod";

/** The checks of some options, to be spread into a kind's own. */
export type Shape<Given, Resolved> = {
  readonly [Name in keyof Given & keyof Resolved]-?: z.ZodType<Resolved[Name], Given[Name]>;
};
