import { spawn, type ChildProcess } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { open, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { freePort } from "../../examples/support/free-port.ts";
import { connectApi, type Api, type ApiRequest } from "../../src/processes/kubernetes/api.ts";
import { kubernetesProgram } from "./kubernetes-programs.ts";

/** Who may do what: a token each. `nobody` may do nothing. */
const USERS = ["admin", "runner", "nobody"] as const;
type User = (typeof USERS)[number];

/** Runs a program until its input ends, as it does when we die, whatever the way. */
const GUARD = `
  exec 3<&0
  "$@" </dev/null 3<&- & pid=$!
  { cat <&3 >/dev/null; kill -KILL $pid; } 2>/dev/null &
  wait $pid`;

/** A real Kubernetes without nodes: etcd, API server, controllers and scheduler of one's own. */
export interface KubernetesCluster {
  readonly server: string;
  /** A namespace of its own, with the service account `default`. */
  namespace(labels?: Readonly<Record<string, string>>): Promise<string>;
  /** A kubeconfig file for a user. */
  kubeconfig(user?: User, server?: string): Promise<string>;
  /** As the administrator. */
  call<Answer>(
    method: ApiRequest["method"],
    path: string,
    body?: object,
    query?: ApiRequest["query"],
  ): Promise<Answer>;
  /** The certificate and key of the API server, for another server at 127.0.0.1. */
  readonly tls: { readonly cert: string; readonly key: string };
  /** Ends the API server as a crash would, or starts it again on its port. */
  halt(): Promise<void>;
  resume(): Promise<void>;
  close(): Promise<void>;
}

/**
 * A cluster for a test file, or the reason why there is none. With `kubernetes` in SLUICE_TEST_REQUIRE the reason is
 * thrown instead: there, a skip is a failure.
 */
export async function kubernetesForTests(): Promise<
  { cluster: KubernetesCluster; reason?: undefined } | { cluster?: undefined; reason: string }
> {
  try {
    return { cluster: await startKubernetes() };
  } catch (error) {
    if (process.env["SLUICE_TEST_REQUIRE"]?.split(",").includes("kubernetes") === true) throw error;
    return { reason: (error as Error).message };
  }
}

async function startKubernetes(): Promise<KubernetesCluster> {
  const [apiserver, controllers, scheduler] = await Promise.all(
    (["kube-apiserver", "kube-controller-manager", "kube-scheduler"] as const).map(kubernetesProgram),
  );
  const directory = await mkdtemp(join(tmpdir(), "sluice-kubernetes-"));
  const [client, peer, secure] = await Promise.all([freePort(), freePort(), freePort()]);
  const children = new Map<string, ChildProcess>();
  async function start(name: string, program: string, args: readonly string[]): Promise<void> {
    const log = await open(join(directory, `${name}.log`), "a");
    const child = spawn("sh", ["-c", GUARD, "sh", program, ...args], {
      stdio: ["pipe", log.fd, log.fd],
      cwd: directory,
    });
    const spawned = once(child, "spawn");
    children.set(name, child);
    child.once("exit", () => {
      if (children.get(name) === child) children.delete(name);
    });
    try {
      await spawned;
    } finally {
      await log.close();
    }
  }

  async function end(name: string): Promise<void> {
    const child = children.get(name);
    if (child === undefined) return;
    const ended = once(child, "exit");
    child.stdin?.end();
    await ended;
  }

  const server = `https://127.0.0.1:${secure}`;
  let api: Api | undefined;
  const call = async <Answer>(
    method: ApiRequest["method"],
    path: string,
    body?: object,
    query?: ApiRequest["query"],
  ): Promise<Answer> => {
    const verb = ({ GET: "get", POST: "create", PATCH: "patch", DELETE: "delete" } as const)[method];
    const request = {
      method,
      verb,
      resource: "jobs",
      path,
      ...(body && { body }),
      ...(query && { query }),
    } as const;
    return (api as Api).call<Answer>(request);
  };

  const startServer = async (): Promise<void> => {
    await start("kube-apiserver", apiserver as string, serverArguments(directory, client, secure));
    api ??= connectApi({
      server: new URL(server),
      namespace: "default",
      authenticate: () =>
        Promise.resolve({ headers: { authorization: "Bearer admin-token" }, rejectUnauthorized: false }),
    });
    await untilReady(
      () => call("GET", "/apis/scheduling.k8s.io/v1/priorityclasses/system-node-critical"),
      () => children.has("kube-apiserver"),
      directory,
    );
  };

  let kubeconfigs = 0;
  async function kubeconfig(user: User = "admin", at = server): Promise<string> {
    const file = join(directory, `kubeconfig-${user}-${kubeconfigs++}`);
    await writeFile(
      file,
      JSON.stringify({
        apiVersion: "v1",
        kind: "Config",
        clusters: [
          {
            name: "local",
            cluster: { server: at, "certificate-authority": join(directory, "certs/apiserver.crt") },
          },
        ],
        users: [{ name: user, user: { token: `${user}-token` } }],
        contexts: [{ name: "local", context: { cluster: "local", user } }],
        "current-context": "local",
      }),
    );
    return file;
  }

  const close = async (): Promise<void> => {
    api?.close();
    for (const name of [...children.keys()].toReversed()) await end(name);
    await rm(directory, { recursive: true, force: true });
  };

  try {
    const { privateKey } = generateKeyPairSync("rsa", {
      modulusLength: 2048,
      privateKeyEncoding: { type: "pkcs1", format: "pem" },
      publicKeyEncoding: { type: "spki", format: "pem" },
    });
    await writeFile(join(directory, "sa.key"), privateKey);
    const tokens = USERS.map(
      (user) => `${user}-token,${user},${user}${user === "admin" ? ",system:masters" : ""}`,
    );
    await writeFile(join(directory, "tokens.csv"), `${tokens.join("\n")}\n`);
    const listen = `http://127.0.0.1:${client}`;
    await start("etcd", "etcd", [
      `--data-dir=${join(directory, "etcd")}`,
      `--listen-client-urls=${listen}`,
      `--advertise-client-urls=${listen}`,
      `--listen-peer-urls=http://127.0.0.1:${peer}`,
      "--log-level=error",
      "--unsafe-no-fsync",
    ]);
    await startServer();
    const admin = await kubeconfig();
    const common = ["--kubeconfig", admin, "--leader-elect=false", "--secure-port=0"];
    const wanted =
      "job-controller,garbage-collector-controller,ttl-after-finished-controller,serviceaccount-controller," +
      "namespace-controller,taint-eviction-controller,pod-garbage-collector-controller";
    await start("kube-controller-manager", controllers as string, [...common, `--controllers=${wanted}`]);
    await start("kube-scheduler", scheduler as string, common);
    const tls = {
      cert: await readFile(join(directory, "certs/apiserver.crt"), "utf8"),
      key: await readFile(join(directory, "certs/apiserver.key"), "utf8"),
    };
    let namespaces = 0;
    return {
      server,
      kubeconfig,
      call,
      tls,
      close,
      halt: () => end("kube-apiserver"),
      resume: startServer,
      async namespace(labels = {}) {
        const name = `test-${++namespaces}`;
        await call("POST", "/api/v1/namespaces", { metadata: { name, labels } });
        // The controllers give it its service account, without which no pod is let in.
        await untilReady(
          () => call("GET", `/api/v1/namespaces/${name}/serviceaccounts/default`),
          () => children.has("kube-controller-manager"),
          directory,
        );
        return name;
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function serverArguments(directory: string, etcd: number, port: number): string[] {
  const options = {
    "etcd-servers": `http://127.0.0.1:${etcd}`,
    "bind-address": "127.0.0.1",
    "secure-port": String(port),
    "cert-dir": join(directory, "certs"),
    "service-account-issuer": "https://kubernetes.default.svc",
    "service-account-signing-key-file": join(directory, "sa.key"),
    "service-account-key-file": join(directory, "sa.key"),
    "service-cluster-ip-range": "10.0.0.0/24",
    "token-auth-file": join(directory, "tokens.csv"),
    "authorization-mode": "RBAC",
    "allow-privileged": "true",
    "kubelet-preferred-address-types": "InternalIP",
  };
  return Object.entries(options).map(([name, value]) => `--${name}=${value}`);
}

async function untilReady(
  ask: () => Promise<unknown>,
  lives: () => boolean,
  directory: string,
): Promise<void> {
  for (const deadline = Date.now() + 90_000; ; await pause(200)) {
    try {
      return void (await ask());
    } catch (cause) {
      if (lives() && Date.now() < deadline) continue;
      const log = await readFile(join(directory, "kube-apiserver.log"), "utf8").catch(() => "");
      throw new Error(`no Kubernetes could be started here: ${log.slice(-1_000)}`, { cause });
    }
  }
}
