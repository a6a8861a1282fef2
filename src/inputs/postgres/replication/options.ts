import { z } from "zod";

/** Options of `mode = "replication"` alone. */
export interface ReplicationOptions {
  /** The slot's name. Defaults to one made from the names of the database and the subscription. */
  readonly slot?: string | undefined;
  /**
   * `initial` emits the rows that are there when the slot is made, as the operation `read`, before the first change;
   * cut off, it begins anew. Defaults to `never`.
   */
  readonly snapshot?: "initial" | "never" | undefined;
  /**
   * What to do when the slot is gone, or is not the one we left: `fail`, or `recreate` it, which leaves out the
   * changes in between. Defaults to `fail`.
   */
  readonly onLostSlot?: "fail" | "recreate" | undefined;
}

/** Their schemas, which the options of the `postgres` input take in. */
export const replicationShape: {
  readonly slot: z.ZodOptional<z.ZodString>;
  readonly snapshot: z.ZodOptional<z.ZodEnum<{ initial: "initial"; never: "never" }>>;
  readonly onLostSlot: z.ZodOptional<z.ZodEnum<{ fail: "fail"; recreate: "recreate" }>>;
} = {
  slot: z
    .string()
    .regex(/^[a-z0-9_]{1,63}$/, "a slot's name has lower-case letters, digits and underscores, 63 at most")
    .optional()
    .describe("Name of the replication slot; defaults to one made from the database and the subscription"),
  snapshot: z
    .enum(["initial", "never"])
    .optional()
    .describe("Whether the rows that are there when the slot is made are emitted first; defaults to never"),
  onLostSlot: z
    .enum(["fail", "recreate"])
    .optional()
    .describe("What to do when the slot is gone or is another; defaults to fail"),
};
