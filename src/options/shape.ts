import type { z } from "zod";

/** The checks of some options, to be spread into a kind's own. */
export type Shape<Given, Resolved> = {
  readonly [Name in keyof Given & keyof Resolved]-?: z.ZodType<Resolved[Name], Given[Name]>;
};

/** Options once defaults are in their place; those named have one. */
export type Resolved<Given, WithDefault extends keyof Given> = Omit<Given, WithDefault> & {
  readonly [Name in WithDefault]-?: Exclude<Given[Name], undefined>;
};
