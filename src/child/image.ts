/** What is an image's name, such as `registry.example/enrich:1.4`. */
export const IMAGE_NAME: RegExp = /^[\w][\w.:/@-]*$/;

/** What Docker itself leaves to a container that asks for nothing; more of them is power over the host. */
const HARMLESS_CAPABILITIES: ReadonlySet<string> = new Set(
  (
    "AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW SETFCAP SETGID SETPCAP " +
    "SETUID SYS_CHROOT"
  ).split(" "),
);

export function isHarmlessCapability(name: string): boolean {
  return HARMLESS_CAPABILITIES.has(name.replace(/^CAP_/, ""));
}

/** What engines say when a registry has no such image, or does not show it to us. */
const NO_SUCH_IMAGE =
  /not found|manifest unknown|no such image|pull access denied|repository does not exist|unauthorized|invalid reference|name unknown/i;

/** Whether an engine's message says that there is no such image, so that asking again cannot help. */
export function saysNoSuchImage(message: string): boolean {
  return NO_SUCH_IMAGE.test(message);
}

/** What engines say when the program of a container is not in its image, or is none. */
const NO_SUCH_PROGRAM =
  /executable file not found|no such file or directory|permission denied|exec format error/i;

export function saysNoSuchProgram(message: string): boolean {
  return NO_SUCH_PROGRAM.test(message);
}
