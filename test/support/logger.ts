import type { Logger } from "../../src/model/logger.ts";

/** A logger that keeps what it is told, as `level: message`. */
export function createKeepingLogger(): { readonly logger: Logger; readonly lines: readonly string[] } {
  const lines: string[] = [];
  const keep = (level: keyof Logger) => (_fields: object, message: string) =>
    void lines.push(`${level}: ${message}`);
  const logger: Logger = {
    debug: keep("debug"),
    info: keep("info"),
    warn: keep("warn"),
    error: keep("error"),
  };
  return { logger, lines };
}
