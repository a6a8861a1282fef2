import { execFile, spawn } from "node:child_process";
import { chmod, copyFile, mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";

const execute = promisify(execFile);
const APPLETS = [
  "cat",
  "dd",
  "env",
  "grep",
  "id",
  "ls",
  "printf",
  "sh",
  "sleep",
  "touch",
  "true",
  "yes",
  "head",
  "wc",
];

/** A real Docker Engine of one's own, with the image `busybox:local` and without a bridge. */
export interface DockerEngine {
  /** As the option `engine` takes it. */
  readonly address: string;
  /** The `docker` command; answers its output. */
  docker(...args: string[]): Promise<string>;
  close(): Promise<void>;
}

/**
 * An engine for a test file, or the reason why there is none. With `docker` in SLUICE_TEST_REQUIRE the reason is thrown
 * instead: there, a skip is a failure. A `hidden` folder is an empty one to the engine, as it would be on another machine.
 */
export async function dockerForTests({ hidden }: { readonly hidden?: string } = {}): Promise<
  { engine: DockerEngine; reason?: undefined } | { engine?: undefined; reason: string }
> {
  try {
    return { engine: await startDocker(hidden) };
  } catch (error) {
    if (process.env["SLUICE_TEST_REQUIRE"]?.split(",").includes("docker") === true) throw error;
    return { reason: (error as Error).message };
  }
}

async function startDocker(hidden?: string): Promise<DockerEngine> {
  if (process.getuid?.() !== 0) throw new Error("a Docker Engine can only be started by root");
  const directory = await mkdtemp(join(tmpdir(), "sluice-docker-"));
  const address = `unix://${directory}/d.sock`;
  const args = ["--data-root", join(directory, "data"), "--exec-root", join(directory, "exec")];
  args.push("--pidfile", join(directory, "pid"), "--bridge=none", "--iptables=false", "-H", address);
  const hide = ["-m", "sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"'];
  const daemon =
    hidden === undefined
      ? spawn("dockerd", args, { stdio: "ignore" })
      : spawn("unshare", [...hide, hidden, "dockerd", ...args], { stdio: "ignore" });
  const ended = Promise.race([once(daemon, "exit"), once(daemon, "error")]);
  ended.catch(() => undefined);
  const kill = (): void => void daemon.kill("SIGTERM");
  process.once("exit", kill);
  const docker = async (...given: string[]): Promise<string> =>
    (await execute("docker", ["-H", address, ...given], { maxBuffer: 64 * 1024 * 1024 })).stdout;
  const close = async (): Promise<void> => {
    process.off("exit", kill);
    kill();
    await ended.catch(() => undefined);
    await rm(directory, { recursive: true, force: true }).catch(() => undefined);
  };
  try {
    await untilReady(docker, ended);
    await importImage(directory, docker);
  } catch (error) {
    await close();
    throw error;
  }
  return { address, docker, close };
}

async function untilReady(docker: DockerEngine["docker"], ended: Promise<unknown>): Promise<void> {
  let isOver = false;
  ended.then(
    () => (isOver = true),
    () => (isOver = true),
  );
  for (const deadline = Date.now() + 30_000; ; await pause(100)) {
    try {
      return void (await docker("version"));
    } catch (cause) {
      if (isOver || Date.now() > deadline)
        throw new Error("no Docker Engine could be started here", { cause });
    }
  }
}

async function importImage(directory: string, docker: DockerEngine["docker"]): Promise<void> {
  await docker("import", await packBusybox(directory), "busybox:local");
}

/** An archive of a root file system that is busybox and nothing else: there is no registry to have an image from. */
export async function packBusybox(directory: string): Promise<string> {
  const bin = join(directory, "root", "bin");
  await mkdir(bin, { recursive: true });
  await copyFile("/bin/busybox", join(bin, "busybox"));
  await chmod(join(bin, "busybox"), 0o755);
  await mkdir(join(directory, "root", "tmp"));
  await Promise.all(APPLETS.map((applet) => symlink("busybox", join(bin, applet))));
  const archive = join(directory, "root.tar");
  await execute("tar", ["-C", join(directory, "root"), "-cf", archive, "."]);
  return archive;
}
