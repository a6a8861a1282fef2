import { SluiceError } from "../../model/errors.ts";

/** Content that is not what `read` says. */
export function invalidFile(location: string, line: number | undefined, fault: string): SluiceError {
  const where = line === undefined ? location : `${location}:${line}`;
  return new SluiceError("INVALID_FILE", `${where} cannot be read: ${fault}`, {
    details: { location, ...(line !== undefined && { line }) },
  });
}

/** For `sluice doctor`. */
export const PATH_CURE =
  "make the folder, let this user read it, or correct the path, which starts from the config file's folder";

/** A file or folder that the system does not let us read. */
export function unreadable(path: string, cause: unknown): SluiceError {
  const { code, message } = cause as NodeJS.ErrnoException;
  const why =
    code === "ENOENT"
      ? "it is not there"
      : code === "EACCES" || code === "EPERM"
        ? "its permissions do not let this user"
        : message;
  return new SluiceError("SOURCE_UNAVAILABLE", `${path} cannot be read: ${why}`, {
    cause,
    details: { cure: PATH_CURE },
  });
}
