import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { stringify } from "yaml";
import { checkOptions } from "../../model/kind.ts";
import { kubernetesProcess, type KubernetesProcessOptions } from "./index.ts";
import { buildJob } from "./job.ts";
import { readTemplate } from "./template.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "sluice-template-"));
});
afterAll(() => rm(directory, { recursive: true }));

const identity = {
  pipeline: "shop",
  journal: "j",
  process: "work",
  run: "e/work",
  attempt: 1,
  fence: 1,
  event: "e",
  traceparent: "",
  labels: {},
};

type Pod = Record<string, unknown> & { containers: Record<string, unknown>[] };

interface Built {
  readonly metadata: { readonly labels: object; readonly annotations: object };
  readonly spec: { readonly template: { readonly metadata: object; readonly spec: Pod } };
}

/** The Job that is asked for, with a template of this pod. */
async function build(
  options: KubernetesProcessOptions,
  pod?: object,
  job: object = { spec: { template: { spec: pod } } },
): Promise<Built> {
  const withTemplate = pod === undefined ? {} : { template: "job.yaml" };
  await writeFile(join(directory, "job.yaml"), stringify({ apiVersion: "batch/v1", kind: "Job", ...job }));
  const checked = checkOptions(kubernetesProcess, { ...options, ...withTemplate }, "work");
  const given = { name: "n", event: "{}", timeLeft: 1_500 };
  return buildJob(identity, checked, readTemplate(checked, directory), given) as Built;
}

async function podOf(options: KubernetesProcessOptions, pod?: object): Promise<Pod> {
  return (await build(options, pod)).spec.template.spec;
}

const main = (settings: object): object => ({ containers: [{ name: "main", ...settings }] });
const secured = (securityContext: object): object => main({ securityContext });

test.each([
  ["hostNetwork", { hostNetwork: true }],
  ["hostPID", { hostPID: true }],
  ["automountServiceAccountToken", { automountServiceAccountToken: true }],
  ["securityContext.runAsNonRoot", { securityContext: { runAsNonRoot: false } }],
  ["securityContext.runAsUser", { securityContext: { runAsUser: 0 } }],
  ["securityContext.seccompProfile.type", { securityContext: { seccompProfile: { type: "Unconfined" } } }],
  ["securityContext.sysctls", { securityContext: { sysctls: [{ name: "a", value: "b" }] } }],
  ["containers.0.securityContext.privileged", secured({ privileged: true })],
  ["containers.0.securityContext.allowPrivilegeEscalation", secured({ allowPrivilegeEscalation: true })],
  ["containers.0.securityContext.procMount", secured({ procMount: "Unmasked" })],
  ["containers.0.securityContext.runAsUser", secured({ runAsUser: 0 })],
  ["containers.0.securityContext.capabilities.add.0", secured({ capabilities: { add: ["SYS_ADMIN"] } })],
  ["containers.0.securityContext.capabilities.drop", secured({ capabilities: { drop: ["KILL"] } })],
  ["containers.0.ports.0.hostPort", main({ ports: [{ containerPort: 1, hostPort: 1 }] })],
  [
    "initContainers.0.securityContext.privileged",
    { initContainers: [{ securityContext: { privileged: true } }] },
  ],
  ["volumes.0.hostPath", { volumes: [{ name: "v", hostPath: { path: "/" } }] }],
  [
    "volumes.0.projected.sources.0.serviceAccountToken",
    { volumes: [{ name: "v", projected: { sources: [{ serviceAccountToken: { path: "t" } }] } }] },
  ],
])("a template with %s is refused unless it is said to be meant", async (path, pod) => {
  const refused = build({ image: "i" }, pod);
  await expect(refused).rejects.toMatchObject({
    code: "INVALID_OPTIONS",
    message: expect.stringContaining(`spec.template.spec.${path}, which`),
  });
  await expect(refused).rejects.toThrow(/unsafe = true/);
  await expect(build({ image: "i", unsafe: true }, pod)).resolves.toBeDefined();
});

test.each<[string, Partial<KubernetesProcessOptions>]>([
  ["root", { user: "0" }],
  ["root", { user: "0:5" }],
  ["power over the node", { capabilities: ["SYS_ADMIN"] }],
])("an option that gives %s is refused unless it is said to be meant: %j", (why, options) => {
  const make = (unsafe: boolean): unknown => kubernetesProcess({ name: "p", image: "i", ...options, unsafe });
  expect(() => make(false)).toThrow(new RegExp(`${why}.*unsafe = true`));
  expect(() => make(true)).not.toThrow();
});

test.each<[RegExp, object]>([
  [/image.*missing/, {}],
  [/not the name of an image/, { image: "-x" }],
  [/numbers/, { image: "i", user: "root" }],
  [/not an amount/, { image: "i", resources: { limits: { cpu: "many" } } }],
  [/excludes/, { image: "i", inCluster: true, context: "c" }],
  [/75/, { image: "i", permanentExitCodes: [75] }],
  [/no option "comand"; did you mean "command"/, { image: "i", comand: ["x"] }],
])("what cannot be is refused: %s", (why, options) => {
  expect(() => kubernetesProcess({ name: "p", ...options })).toThrow(why);
});

test.each<[RegExp, object | undefined, object?]>([
  [/must be a Job/, {}, { kind: "Pod" }],
  [/spec\.backoffLimit, which sluice sets itself/, {}, { spec: { backoffLimit: 3 } }],
  [/spec\.template\.spec\.restartPolicy, which sluice sets itself/, { restartPolicy: "OnFailure" }],
  [/has no container/, { containers: [] }],
  [/metadata\.namespace/, {}, { metadata: { namespace: "x" } }],
  [/put it in quotes/, {}, { metadata: { labels: { a: 1 } } }],
  [/sluice\.run, which sluice sets itself/, {}, { metadata: { labels: { "sluice.run": "x" } } }],
])("a template that cannot be is refused: %s", async (why, pod, job) => {
  await expect(build({ image: "i" }, pod, job)).rejects.toThrow(why);
});

test("a template that is missing, or no YAML, or names no image, is refused", async () => {
  const read = (file: string): unknown =>
    readTemplate({ template: file, unsafe: false, image: undefined }, directory);
  expect(() => read("nowhere.yaml")).toThrow(/cannot be read: there is no such file/);
  expect(() => read("/dev/zero")).toThrow(/cannot be read: it is not a regular file/);
  await writeFile(join(directory, "bad.yaml"), "a: [");
  expect(() => read("bad.yaml")).toThrow(/neither YAML nor JSON/);
  const bomb = [
    "a0: &a0 x",
    ...Array.from({ length: 9 }, (_, n) => `a${n + 1}: &a${n + 1} [${`*a${n},`.repeat(9)}]`),
  ];
  await writeFile(join(directory, "bomb.yaml"), bomb.join("\n"));
  expect(() => read("bomb.yaml")).toThrow(/neither YAML nor JSON: .*alias/i);
  await expect(build({}, main({}))).rejects.toThrow(/names no image/);
});

test("what neither an option nor the template says is closed, in each container", async () => {
  const pod = await podOf(
    { image: "i" },
    {
      containers: [{ name: "side", image: "s" }, { name: "main" }],
      initContainers: [{ name: "first", image: "f" }],
    },
  );
  expect(pod).toMatchObject({
    automountServiceAccountToken: false,
    restartPolicy: "Never",
    securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } },
  });
  const closed = {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"] },
  };
  for (const container of [...pod.containers, ...(pod["initContainers"] as object[])]) {
    expect(container).toMatchObject({ securityContext: closed });
  }
  expect(pod.containers.map(({ name, image }) => [name, image])).toEqual([
    ["main", "i"],
    ["side", "s"],
  ]);
});

test("an option wins over the template, and the template over a default", async () => {
  const template = {
    containers: [
      {
        name: "only",
        image: "t",
        args: ["t"],
        imagePullPolicy: "Always",
        env: [
          { name: "A", value: "t" },
          { name: "SLUICE_RUN", value: "t" },
          { name: "B", value: "$(A)" },
        ],
        resources: { limits: { memory: "1Gi" }, requests: { cpu: "2" } },
        securityContext: { readOnlyRootFilesystem: false, runAsUser: 5 },
        volumeMounts: [{ name: "v", mountPath: "/tmp" }],
      },
    ],
    nodeSelector: { a: "t", b: "t" },
    volumes: [{ name: "v", emptyDir: {} }],
  };
  const plain = (await podOf({}, template)).containers[0];
  expect(plain).toMatchObject({
    name: "only",
    image: "t",
    args: ["t"],
    imagePullPolicy: "Always",
    resources: { limits: { memory: "1Gi", cpu: "2" }, requests: { memory: "1Gi", cpu: "2" } },
    securityContext: { readOnlyRootFilesystem: false, runAsUser: 5, allowPrivilegeEscalation: false },
  });
  const env = plain?.["env"] as { name: string; value: string }[];
  expect(env.filter(({ name }) => name === "SLUICE_RUN")).toEqual([{ name: "SLUICE_RUN", value: "e/work" }]);
  expect(env).toContainEqual({ name: "B", value: "$(A)" });
  const pod = await podOf(
    {
      image: "o",
      command: ["$(o)"],
      pull: "never",
      env: { A: "o" },
      memory: "1MiB",
      cpus: 0.05,
      user: "7",
      readOnly: true,
      nodeSelector: { a: "o" },
    },
    template,
  );
  expect(pod["nodeSelector"]).toEqual({ a: "o", b: "t" });
  expect((pod["volumes"] as { name: string }[]).map(({ name }) => name)).toEqual(["v", "sluice-event"]);
  expect(pod.containers[0]).toMatchObject({
    image: "o",
    args: ["$$(o)"],
    imagePullPolicy: "Never",
    resources: { limits: { memory: "1048576", cpu: "50m" } },
    securityContext: { readOnlyRootFilesystem: true, runAsUser: 7, runAsNonRoot: true },
  });
  expect(pod.containers[0]?.["env"]).toContainEqual({ name: "A", value: "o" });
  expect(pod.containers[0]?.["env"]).not.toContainEqual({ name: "A", value: "t" });
});

test("labels and annotations of the template are kept beside sluice's own", async () => {
  const job = await build(
    { image: "i" },
    {},
    {
      metadata: { labels: { a: "1" }, annotations: { b: "2" } },
      spec: { template: { metadata: { labels: { c: "3" } }, spec: {} } },
    },
  );
  expect(job.metadata).toMatchObject({
    labels: { a: "1", "sluice.process": "work" },
    annotations: { b: "2", "sluice.run": "e/work" },
  });
  expect(job.spec.template.metadata).toMatchObject({ labels: { c: "3", "sluice.process": "work" } });
  expect(job.spec).toMatchObject({ activeDeadlineSeconds: 2 });
});
