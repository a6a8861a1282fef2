import { posix } from "node:path";
import { isHarmlessCapability } from "../../child/image.ts";

/** The options that may give a container power over the host. */
export interface Risky {
  readonly privileged: boolean;
  readonly network: string;
  readonly capabilities: readonly string[];
  readonly mounts: readonly { readonly source?: string | undefined }[];
  readonly engine?: string | undefined;
}

export interface UnsafeOption {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

const SOCKET = /(^|\/)(docker|podman|containerd|crio)[^/]*\.sock$/;
/** Folders in which engines keep their sockets, and those of the kernel and of devices. */
const HOST_FOLDERS = [
  "/run/docker",
  "/run/podman",
  "/run/containerd",
  "/run/user",
  "/var/lib/docker",
  "/var/lib/containers",
  "/var/lib/containerd",
  "/etc",
  "/proc",
  "/sys",
  "/dev",
  "/boot",
  "/root",
];
const SOCKETS = ["/run/docker.sock"];

/** Which options give the container power over the host. */
export function findUnsafe(options: Risky): readonly UnsafeOption[] {
  const found: UnsafeOption[] = [];
  const add = (path: UnsafeOption["path"], what: string): void => {
    found.push({
      path,
      message: `${what}, which gives the container power over the host; if that is meant, say unsafe = true`,
    });
  };
  if (options.privileged) add(["privileged"], "privileged takes all limits away");
  if (options.network === "host" || /^(container|ns):/.test(options.network)) {
    add(["network"], `network ${JSON.stringify(options.network)} is not the container's own`);
  }
  options.capabilities.forEach((capability, index) => {
    if (!isHarmlessCapability(capability)) add(["capabilities", index], `it asks for ${capability}`);
  });
  options.mounts.forEach(({ source }, index) => {
    if (source !== undefined && isPath(source) && isHostPath(source, options.engine)) {
      add(["mounts", index, "source"], `${JSON.stringify(source)} is, or holds, what rules the host`);
    }
  });
  return found;
}

/** Whether a mount's source is a path; otherwise it is the name of a volume. */
export function isPath(source: string): boolean {
  return source.includes("/") || source === "." || source === "..";
}

/** Whether a path is, holds, or lies in something that rules the host: an engine's socket, the kernel's files. */
export function isHostPath(source: string, engine?: string): boolean {
  const path = posix
    .normalize(source)
    .replace(/(?<=.)\/$/, "")
    .replace(/^\/var\/run(?=\/|$)/, "/run");
  if (SOCKET.test(path)) return true;
  if (!path.startsWith("/")) return false;
  const own = engine?.startsWith("unix://") === true ? [posix.normalize(engine.slice("unix://".length))] : [];
  const holds = [...HOST_FOLDERS, ...SOCKETS, ...own].some(
    (ruled) => ruled === path || ruled.startsWith(path === "/" ? "/" : `${path}/`),
  );
  return holds || HOST_FOLDERS.some((folder) => path.startsWith(`${folder}/`));
}
