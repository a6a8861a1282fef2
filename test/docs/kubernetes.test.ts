import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import type { Job, List, Pod } from "../../src/processes/kubernetes/objects.ts";
import { workspace } from "../support/cli.ts";
import { guideBlocks } from "../support/guide.ts";
import { startNode } from "../support/kubelet.ts";
import { kubernetesForTests } from "../support/kubernetes.ts";

const block = guideBlocks("kubernetes.md");
const { cluster, reason } = await kubernetesForTests();
afterAll(() => cluster?.close());

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
}

test("the guide's pipeline is valid, with its template, too", async () => {
  const space = workspace(block("sluice.toml"));
  try {
    space.write("template.yaml", block("template.yaml"));
    expect(await space.sluice(["validate"])).toMatchObject({ code: 0 });
    space.write("sluice.toml", `${block("sluice.toml")}template = "template.yaml"\n`);
    expect(await space.sluice(["validate"])).toMatchObject({ code: 0 });
    space.write(
      "template.yaml",
      block("template.yaml").replace("spec:\n      pri", "spec:\n      hostNetwork: true\n      pri"),
    );
    expect(await space.sluice(["validate"])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/spec\.template\.spec\.hostNetwork.*unsafe = true/),
    });
  } finally {
    await space.remove();
  }
});

describe.skipIf(cluster === undefined)(
  `the guide "Kubernetes"${reason === undefined ? "" : ` (${reason})`}`,
  () => {
    test("the manifest of examples/deployment is one that a real API server takes, word for word", async () => {
      if (cluster === undefined) return;
      const { call } = cluster;
      await call("POST", "/api/v1/namespaces", { metadata: { name: "deployment" } });
      const file = join(import.meta.dirname, "../../examples/deployment/kubernetes.yaml");
      for (const document of parseAllDocuments(await readFile(file, "utf8"))) {
        const { kind, ...manifest } = document.toJS() as Manifest & { metadata: object };
        const group = manifest.apiVersion === "v1" ? "/api/v1" : `/apis/${manifest.apiVersion}`;
        const path = `${group}/namespaces/deployment/${kind.toLowerCase()}s?dryRun=All&fieldValidation=Strict`;
        expect(await call("POST", path, { kind, ...manifest })).toMatchObject({ kind });
      }
    });

    test(
      "has a role that suffices, and a pipeline that runs by it; doctor says what is missing before",
      { timeout: 150_000 },
      async () => {
        if (cluster === undefined) return;
        const { call } = cluster;
        await call("POST", "/api/v1/namespaces", { metadata: { name: "shop", labels: RESTRICTED } });
        const kubeconfig = await cluster.kubeconfig("runner");
        const space = workspace(block("sluice.toml"));
        const node = await startNode(cluster);
        const env = { KUBECONFIG: kubeconfig };
        try {
          const before = await space.sluice(["doctor"], { env });
          expect(before.stdout + before.stderr).toContain('in the namespace "shop"');
          expect(before.stdout + before.stderr).toContain("create jobs, get jobs");
          for (const document of parseAllDocuments(block("rbac.yaml"))) {
            const manifest = document.toJS() as Manifest;
            const path = PATHS[manifest.kind] ?? "";
            await call("POST", path, manifest);
          }
          await call("POST", PATHS["RoleBinding"] ?? "", {
            ...(parseAllDocuments(block("rbac.yaml")).at(-1)?.toJS() as Manifest),
            metadata: { name: "runner" },
            subjects: [{ kind: "User", name: "runner", apiGroup: "rbac.authorization.k8s.io" }],
          });
          const after = await space.sluice(["doctor"], { env });
          expect(after.stdout + after.stderr).not.toContain("must also allow");
          expect(after.code).toBe(0);

          const running = await space.run({ env });
          await space.json(["emit", "orders", "--id", "7", "--json"]);
          const pod = await node.pod("shop");
          expect((pod as Pod & { spec: { containers: object[] } }).spec.containers[0]).toMatchObject({
            args: ["--fast"],
            resources: { limits: { memory: "268435456" } },
          });
          node.output.write("enriched");
          node.output.end();
          await node.running(pod, "shop");
          await node.ended(pod, "shop", { exitCode: 0 });
          const runs = (): Promise<{ items: { id: string; state: string; attempts: number }[] }> =>
            space.json(["runs", "--json"]);
          await expect
            .poll(async () => JSON.stringify(await runs()), { timeout: 30_000, interval: 500 })
            .toContain('"succeeded"');
          const { items } = await call<List<Job & { spec: { activeDeadlineSeconds?: number } }>>(
            "GET",
            "/apis/batch/v1/namespaces/shop/jobs",
          );
          expect(items).toHaveLength(1);
          expect(items[0]?.spec).toMatchObject({ ttlSecondsAfterFinished: 300 });
          expect(items[0]?.spec?.activeDeadlineSeconds).toBeLessThanOrEqual(600);
          expect((await running.stop()).code).toBe(0);
        } finally {
          await node.remove();
          await space.remove();
        }
      },
    );
  },
);

const RESTRICTED = { "pod-security.kubernetes.io/enforce": "restricted" };
const PATHS: Readonly<Record<string, string>> = {
  ServiceAccount: "/api/v1/namespaces/shop/serviceaccounts",
  Role: "/apis/rbac.authorization.k8s.io/v1/namespaces/shop/roles",
  RoleBinding: "/apis/rbac.authorization.k8s.io/v1/namespaces/shop/rolebindings",
};
