import { platform, release } from "node:os";
import { isPermanentError, isSluiceError, SluiceError } from "../../model/errors.ts";

/** The slice of `dockerode` (5) that is called; typed here so that our types compile without it. */
export interface Docker {
  version(): Promise<{ readonly Components?: readonly { readonly Name: string }[] }>;
  info(): Promise<EngineInfo>;
  createContainer(options: Record<string, unknown>): Promise<Container>;
  getContainer(name: string): Container;
  listContainers(options: {
    all: boolean;
    filters: { label: readonly string[] };
  }): Promise<readonly ContainerRow[]>;
  getImage(name: string): { inspect(): Promise<unknown> };
  pull(name: string): Promise<NodeJS.ReadableStream>;
}

interface EngineInfo {
  readonly KernelVersion?: string;
  readonly SecurityOptions?: readonly string[] | null;
}

export interface ContainerRow {
  readonly Id: string;
  readonly Names: readonly string[];
  readonly Labels: Readonly<Record<string, string>>;
  readonly State: string;
}

export interface Container {
  readonly id: string;
  inspect(): Promise<ContainerDetails>;
  start(): Promise<unknown>;
  wait(): Promise<{ readonly StatusCode: number }>;
  stop(options: { t: number }): Promise<unknown>;
  remove(options: { force: boolean; v: boolean }): Promise<unknown>;
  rename(options: { name: string }): Promise<unknown>;
  /** A duplex stream with `stdin`, else the output only. */
  attach(options: {
    stream: true;
    stdout: true;
    stderr: true;
    stdin?: boolean;
    hijack?: true;
  }): Promise<NodeJS.ReadWriteStream & Output>;
  logs(options: { follow: true; stdout: true; stderr: true }): Promise<Output>;
  putArchive(archive: Buffer, options: { path: string }): Promise<unknown>;
  /** What the archive would hold, in a header: base64 of JSON with a `size`. */
  infoArchive(options: {
    path: string;
  }): Promise<{ readonly headers: Readonly<Record<string, unknown>>; resume(): unknown }>;
  getArchive(options: { path: string }): Promise<Output>;
}

export type Output = NodeJS.ReadableStream & { destroy(): void };

export interface ContainerDetails {
  readonly Id: string;
  readonly Name: string;
  readonly State: {
    readonly Status: string;
    readonly ExitCode: number;
    readonly OOMKilled: boolean;
    readonly FinishedAt: string;
    readonly Error?: string;
  };
  readonly Config: { readonly Labels: Readonly<Record<string, string>> | null };
}

/** An engine as its answers made it known. */
export interface Engine {
  readonly docker: Docker;
  /** Podman writes the body of the attach call into the container's standard input. */
  readonly isPodman: boolean;
  /** Whether it sees our file system, as far as is known: it is not, once it has refused a file of ours. */
  sharesFiles: boolean;
}

/** @throws SluiceError MISSING_DEPENDENCY or SOURCE_UNAVAILABLE */
export async function openEngine(address: string | undefined): Promise<Engine> {
  const docker = await connectDocker(address);
  const [{ Components = [] }, info] = await withEngine("ask for the engine's version", () =>
    Promise.all([docker.version(), docker.info()]),
  );
  const isPodman = Components.some(({ Name }) => /podman/i.test(Name));
  return { docker, isPodman, sharesFiles: mayShareFiles(address, info) };
}

/**
 * Whether a file of ours is one of the engine's too. One that has a kernel of its own is on another machine, or in a
 * virtual one, as those of desktops are. SELinux lets a container read no file that was not labelled for it.
 */
function mayShareFiles(address: string | undefined, { KernelVersion, SecurityOptions }: EngineInfo): boolean {
  const isLocal = (address ?? process.env["DOCKER_HOST"] ?? "unix:").startsWith("unix:");
  const labels = SecurityOptions?.some((option) => option.startsWith("name=selinux")) === true;
  return platform() === "linux" && isLocal && KernelVersion === release() && !labels;
}

type DockerConstructor = new (options: Record<string, unknown>) => Docker;

/**
 * A client of the engine at `address`, else at DOCKER_HOST, else at Docker's usual socket. Nothing is connected yet.
 *
 * @throws SluiceError MISSING_DEPENDENCY, saying what to install.
 */
export async function connectDocker(address: string | undefined): Promise<Docker> {
  const Client = await loadDockerode();
  if (address?.startsWith("unix://") === true) {
    return new Client({ socketPath: address.slice("unix://".length) });
  }
  if (address === undefined) return new Client({});
  const { protocol, hostname: host, port } = new URL(address);
  return new Client({ protocol: protocol.slice(0, -1), host, port: port === "" ? 2375 : Number(port) });
}

/**
 * Loads the optional peer `dockerode`.
 *
 * @throws SluiceError MISSING_DEPENDENCY, saying what to install.
 */
export async function loadDockerode(): Promise<DockerConstructor> {
  try {
    const module = (await import("dockerode")) as unknown as { readonly default: DockerConstructor };
    return module.default;
  } catch (cause) {
    throw new SluiceError(
      "MISSING_DEPENDENCY",
      'container processes need the package "dockerode"; install it: npm install dockerode',
      { cause },
    );
  }
}

/** The HTTP status with which the engine refused a call; `undefined` if it did not answer at all. */
export function statusOf(error: unknown): number | undefined {
  const { statusCode } = (error ?? {}) as { readonly statusCode?: unknown };
  return typeof statusCode === "number" ? statusCode : undefined;
}

/** What the engine said, without dockerode's preamble. */
export function reasonOf(error: unknown): string {
  const { json, message } = (error ?? {}) as { json?: { message?: unknown } | null; message?: unknown };
  return String(json?.message ?? message ?? error)
    .replace(/^\(HTTP code \d+\) .*? - /, "")
    .trim();
}

/** Does what needs the engine; what fails there becomes an error of ours. */
export async function withEngine<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isSluiceError(error) || isPermanentError(error)) throw error;
    const reason = reasonOf(error);
    const message =
      statusOf(error) === undefined
        ? `cannot ${what}: the container engine cannot be reached (${reason}); is it running, and may this user use its socket?`
        : `cannot ${what}: the container engine says: ${reason}`;
    throw new SluiceError("SOURCE_UNAVAILABLE", message, { cause: error });
  }
}

/** As `work`, but `undefined` where the engine knows of no such thing. */
export async function unlessMissing<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
}

/** With its volumes, whether it still runs or is gone already. */
export async function removeContainer(container: Container): Promise<void> {
  try {
    await container.remove({ force: true, v: true });
  } catch (error) {
    // 409: somebody removes it already.
    if (statusOf(error) !== 404 && statusOf(error) !== 409) throw error;
  }
}
