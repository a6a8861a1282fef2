import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { access, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

const MINOR = "36.3";
/** The real Kubernetes that is tested against. */
export const KUBERNETES_VERSION: string = `v1.${MINOR}`;
const PROGRAMS = ["kube-apiserver", "kube-controller-manager", "kube-scheduler"] as const;
const FOLDER =
  process.env["SLUICE_KUBERNETES_BIN"] ?? join(homedir(), ".cache", "sluice-test", `kubernetes-1.${MINOR}`);

/** Where a program of Kubernetes is. @throws Error that says how to get it */
export async function kubernetesProgram(name: (typeof PROGRAMS)[number]): Promise<string> {
  const path = join(FOLDER, name);
  await access(path).catch(() => {
    throw new Error(
      `there is no ${name} in ${FOLDER}: build it once by node test/support/build-kubernetes.ts`,
    );
  });
  return path;
}

/**
 * Builds the programs from the Go modules of Kubernetes, unless they are there. That takes Go, some 15 minutes on two
 * cores, and 3 GB for Go's own cache.
 */
export async function buildKubernetes(): Promise<string> {
  try {
    for (const name of PROGRAMS) await access(join(FOLDER, name));
  } catch {
    const draft = `${FOLDER}.${randomUUID()}`;
    await mkdir(draft, { recursive: true });
    try {
      await build(draft);
      await rename(draft, FOLDER);
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
  }
  return FOLDER;
}

async function build(folder: string): Promise<void> {
  const module = join(folder, "module");
  await mkdir(module);
  const begin = `module local/kubernetes\n\ngo 1.26.0\n\nrequire k8s.io/kubernetes v1.${MINOR}\n`;
  await writeFile(join(module, "go.mod"), begin);
  const go = (...argv: string[]): Promise<string> => run("go", argv, module);
  const { Dir: source } = JSON.parse(
    await go("mod", "download", "-json", `k8s.io/kubernetes@v1.${MINOR}`),
  ) as { Dir: string };
  // Kubernetes builds its own modules from its own tree, which its module does not contain: they are published apart.
  const staged = (await readFile(join(source, "go.mod"), "utf8")).matchAll(
    /^\t(k8s\.io\/\S+) => \.\/staging/gm,
  );
  const replaced = [...staged].map(([, name = ""]) => `replace ${name} => ${name} v0.${MINOR}\n`);
  await writeFile(join(module, "go.mod"), `${begin}\n${replaced.join("")}`);
  await writeFile(join(module, "go.sum"), await readFile(join(source, "go.sum")));
  const version = "k8s.io/component-base/version";
  const [, minor = ""] = KUBERNETES_VERSION.split(".");
  const flags = `-s -w -X ${version}.gitVersion=${KUBERNETES_VERSION} -X ${version}.gitMajor=1 -X ${version}.gitMinor=${minor}`;
  for (const name of PROGRAMS) {
    await go(
      "build",
      "-mod=mod",
      "-trimpath",
      "-ldflags",
      flags,
      "-o",
      join(folder, name),
      `k8s.io/kubernetes/cmd/${name}`,
    );
  }
  await rm(module, { recursive: true, force: true });
}

async function run(command: string, argv: readonly string[], cwd: string): Promise<string> {
  const env = { ...process.env, CGO_ENABLED: "0", GOFLAGS: "-buildvcs=false -mod=mod" };
  const child = spawn(command, argv, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  let out = "";
  let said = "";
  child.stdout.on("data", (chunk) => (out += String(chunk)));
  child.stderr.on("data", (chunk) => (said = `${said}${String(chunk)}`.slice(-2_000)));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", (cause) => reject(new Error(`${command} cannot be started`, { cause })));
    child.once("close", resolve);
  });
  if (code !== 0) throw new Error(`${command} ${argv[0] ?? ""} ended with ${code}: ${said}`);
  return out;
}
