import { z } from "zod";

/** Options of `mode = "replication"` alone. */
export interface ReplicationOptions {
  /** The slot's name. Defaults to one made from the subscription's name. */
  readonly slot?: string | undefined;
}

/** Their schemas, which the options of the `postgres` input take in. */
export const replicationShape: { readonly slot: z.ZodOptional<z.ZodString> } = {
  slot: z
    .string()
    .regex(/^[a-z0-9_]{1,63}$/, "a slot's name has lower-case letters, digits and underscores, 63 at most")
    .optional()
    .describe("Name of the replication slot; defaults to one made from the subscription's name"),
};
