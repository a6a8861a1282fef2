import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { packBusybox } from "./docker.ts";

const execute = promisify(execFile);

/** A real Podman of one's own, with its API on a socket, and with the image `localhost/busybox:local`. */
export interface PodmanEngine {
  /** As the option `engine` takes it. */
  readonly address: string;
  /** The `podman` command; answers its output. */
  podman(...args: string[]): Promise<string>;
  close(): Promise<void>;
}

/**
 * An engine for a test file, or the reason why there is none. With `podman` in SLUICE_TEST_REQUIRE the reason is thrown
 * instead: there, a skip is a failure.
 */
export async function podmanForTests(): Promise<
  { engine: PodmanEngine; reason?: undefined } | { engine?: undefined; reason: string }
> {
  try {
    return { engine: await startPodman() };
  } catch (error) {
    if (process.env["SLUICE_TEST_REQUIRE"]?.split(",").includes("podman") === true) throw error;
    return { reason: (error as Error).message };
  }
}

async function startPodman(): Promise<PodmanEngine> {
  if (process.getuid?.() !== 0) throw new Error("Podman is only tested as root");
  const directory = await mkdtemp(join(tmpdir(), "sluice-podman-"));
  const socket = join(directory, "p.sock");
  const config = join(directory, "containers.conf");
  // Its own default asks for more than some machines allow even root.
  await writeFile(config, '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]\n');
  const env = { PATH: process.env["PATH"], HOME: process.env["HOME"], CONTAINERS_CONF: config };
  const common = ["--root", join(directory, "store"), "--runroot", join(directory, "run")];
  const options = [...common, "--storage-driver", "vfs", "--cgroup-manager", "cgroupfs"];
  const podman = async (...given: string[]): Promise<string> =>
    (await execute("podman", [...options, ...given], { cwd: directory, env, maxBuffer: 64 * 1024 * 1024 }))
      .stdout;
  const service = spawn("podman", [...options, "system", "service", "--time=0", `unix://${socket}`], {
    // Where its monitors leave files of their own.
    cwd: directory,
    env,
    stdio: "ignore",
  });
  const ended = Promise.race([once(service, "exit"), once(service, "error")]);
  ended.catch(() => undefined);
  const kill = (): void => void service.kill("SIGTERM");
  process.once("exit", kill);
  const close = async (): Promise<void> => {
    process.off("exit", kill);
    await podman("rm", "--all", "--force").catch(() => undefined);
    kill();
    await ended.catch(() => undefined);
    await rm(directory, { recursive: true, force: true }).catch(() => undefined);
  };
  try {
    await podman("import", await packBusybox(directory), "busybox:local");
    await podman("run", "--rm", "--network=none", "busybox:local", "/bin/true");
    for (const deadline = Date.now() + 30_000; !existsSync(socket); await pause(50)) {
      if (Date.now() > deadline) throw new Error("it does not listen");
    }
  } catch (cause) {
    await close();
    throw new Error("no Podman could be started here", { cause });
  }
  return { address: `unix://${socket}`, podman, close };
}
