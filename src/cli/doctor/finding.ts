/** What one look at the machine or the pipeline came to. */
export interface Finding {
  /** What was looked at, such as `node` or `component raw_orders`. */
  readonly check: string;
  readonly level: "ok" | "warning" | "failed";
  readonly message: string;
  /** What to do about it; only with a warning or failure. */
  readonly cure?: string;
}

export function ok(check: string, message: string): Finding {
  return { check, level: "ok", message };
}

/** @param cure absent if the message ends in it */
export function warning(check: string, message: string, cure?: string): Finding {
  return { check, level: "warning", message, ...(cure !== undefined && { cure }) };
}

export function failed(check: string, message: string, cure: string): Finding {
  return { check, level: "failed", message, cure };
}
