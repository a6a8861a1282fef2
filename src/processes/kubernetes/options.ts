import { z } from "zod";
import { IMAGE_NAME, isHarmlessCapability } from "../../child/image.ts";
import {
  capabilitiesOption,
  environmentOption,
  imageJobShape,
  wordsOption,
  type ImageJob,
  type ImageJobOptions,
} from "../../child/job-options.ts";
import type { Duration } from "../../model/duration.ts";
import { durationOption, sizeOption } from "../../options/amounts.ts";
import type { Resolved } from "../../options/shape.ts";

/** As in a pod: lets it on nodes that others are kept from. */
export interface Toleration {
  readonly key?: string | undefined;
  readonly operator?: "Exists" | "Equal" | undefined;
  readonly value?: string | undefined;
  readonly effect?: "NoSchedule" | "PreferNoSchedule" | "NoExecute" | undefined;
  /** How long `NoExecute` is tolerated. Defaults to for ever. */
  readonly seconds?: number | undefined;
}

/** Amounts as Kubernetes writes them, such as `"500m"` or `"2Gi"`. */
export interface Resources {
  readonly requests?: Readonly<Record<string, string>> | undefined;
  readonly limits?: Readonly<Record<string, string>> | undefined;
}

/** Options of the `kubernetes` process. */
export interface KubernetesProcessOptions extends PodOptions, ImageJobOptions {}

/** What is said of the pod and its cluster. */
interface PodOptions {
  /** The image, such as `"registry.example/enrich:1.4"`. May be left out if the `template` has one. */
  readonly image?: string | undefined;
  /** The program's arguments (or the program, if the image has no entry point). Defaults to the image's own. */
  readonly command?: readonly string[] | undefined;
  /** The program, in place of the image's own entry point. Defaults to the image's own. */
  readonly entrypoint?: readonly string[] | undefined;
  /** Environment variables; whoever may read the Job may read them. Defaults to none. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /**
   * Where it writes the events that it emits, a JSON object a line: among the lines of its output, which Kubernetes keeps
   * in one log. They are emitted together with the run's success. Defaults to `"none"`.
   */
  readonly output?: "none" | "stdout" | undefined;
  /** Whether the node pulls the image. Defaults to `"missing"`. */
  readonly pull?: "missing" | "always" | "never" | undefined;
  /** Most memory. Defaults to `"512MiB"`. */
  readonly memory?: number | string | undefined;
  /** Most processor time, in processors. Defaults to 1. */
  readonly cpus?: number | undefined;
  /** What is asked for and allowed beyond `memory` and `cpus`. Defaults to that memory, and a tenth of a processor. */
  readonly resources?: Resources | undefined;
  /** `uid` or `uid:gid`, in numbers; 0 needs `unsafe`. Defaults to the image's own, which must be a number but 0. */
  readonly user?: string | undefined;
  /** Whether the root file system cannot be written to. Defaults to `true`. */
  readonly readOnly?: boolean | undefined;
  /** Linux capabilities that it keeps, such as `"NET_BIND_SERVICE"`. Defaults to none. */
  readonly capabilities?: readonly string[] | undefined;
  /** Defaults to the namespace's `default`. */
  readonly serviceAccount?: string | undefined;
  /** Whether the pod gets the service account's token for the API server. Defaults to `false`. */
  readonly serviceAccountToken?: boolean | undefined;
  /** Names of secrets that registries ask for. Defaults to none. */
  readonly imagePullSecrets?: readonly string[] | undefined;
  /** Labels that a node must have. Defaults to none. */
  readonly nodeSelector?: Readonly<Record<string, string>> | undefined;
  /** Defaults to none. */
  readonly tolerations?: readonly Toleration[] | undefined;
  /** Defaults to that of the kubeconfig's context, or of the pod that we run in; else `default`. */
  readonly namespace?: string | undefined;
  /** A file with a Job, in YAML or JSON, relative to the config file's folder. Defaults to none. */
  readonly template?: string | undefined;
  /** Lets settings through that give the pod power over its node or the cluster. Defaults to `false`. */
  readonly unsafe?: boolean | undefined;
  /** Longest time until the pod's container starts; what takes longer costs no attempt. Defaults to `"5m"`. */
  readonly startTimeout?: Duration | undefined;
  /** How often the cluster may keep a run from its end without costing an attempt. Defaults to 20. */
  readonly interruptions?: number | undefined;
  /** A kubeconfig file, relative to the config file's folder. Defaults to KUBECONFIG, else `~/.kube/config`. */
  readonly kubeconfig?: string | undefined;
  /** A context of the kubeconfig. Defaults to its current one. */
  readonly context?: string | undefined;
  /** Whether to use the cluster that we run in, whatever kubeconfig there is. Defaults to `false`. */
  readonly inCluster?: boolean | undefined;
}

type WithDefault = "env" | "output" | "unsafe" | "startTimeout" | "interruptions" | "inCluster";

/** Those without a default fall to the template, then to Kubernetes itself. */
export interface Options extends ImageJob, Resolved<PodOptions, WithDefault> {}

const label = z
  .string()
  .regex(/^([\w]([\w.-]*[\w])?)?$/, "is not the value of a label")
  .max(63);
const named = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, "is not a name in Kubernetes")
  .max(253);
const quantity = z.string().regex(/^\d+(\.\d+)?([eE]\d+|m|k|[KMGTPE]i?)?$/, "is not an amount in Kubernetes");
const quantities = z.record(z.string().min(1), quantity);

const toleration = z.strictObject({
  key: z.string().optional().describe("The taint's key. Without it: all."),
  operator: z.enum(["Exists", "Equal"]).optional().describe("Defaults to Equal."),
  value: z.string().optional().describe("The taint's value."),
  effect: z.enum(["NoSchedule", "PreferNoSchedule", "NoExecute"]).optional().describe("Without it: all."),
  seconds: z.int().optional().describe("How long NoExecute is tolerated. Without it: for ever."),
});

export const kubernetesOptions: z.ZodType<Options, KubernetesProcessOptions> = z
  .strictObject({
    image: z
      .string()
      .regex(IMAGE_NAME, "is not the name of an image")
      .optional()
      .describe("The image. May be left out if the template has one."),
    command: wordsOption.optional().describe("Arguments. Defaults to the image's own."),
    entrypoint: wordsOption.optional().describe("The program, in place of the image's own entry point."),
    env: environmentOption
      .default({})
      .describe("Environment variables; whoever may read the Job may read them. Defaults to none."),
    output: z
      .enum(["none", "stdout"])
      .default("none")
      .describe("Where it writes the events that it emits, a JSON object a line. Defaults to none."),
    pull: z
      .enum(["missing", "always", "never"])
      .optional()
      .describe("Whether the node pulls the image. Defaults to missing."),
    memory: sizeOption.optional().describe("Most memory. Defaults to 512MiB."),
    cpus: z.number().min(0.01).optional().describe("Most processor time, in processors. Defaults to 1."),
    resources: z
      .strictObject({
        requests: quantities.optional().describe('Asked for, such as { cpu = "500m" }.'),
        limits: quantities.optional().describe('Allowed, such as { "nvidia.com/gpu" = "1" }.'),
      })
      .optional()
      .describe("Beyond memory and cpus. Defaults to that memory, and a tenth of a processor."),
    user: z
      .string()
      .regex(/^\d+(:\d+)?$/, "must be uid or uid:gid, in numbers")
      .optional()
      .describe("uid or uid:gid, in numbers; 0 needs unsafe. Defaults to the image's own."),
    readOnly: z
      .boolean()
      .optional()
      .describe("Whether the root file system cannot be written to. Defaults to true."),
    capabilities: capabilitiesOption
      .optional()
      .describe("Linux capabilities that it keeps. Defaults to none."),
    serviceAccount: named.optional().describe("Defaults to the namespace's default."),
    serviceAccountToken: z
      .boolean()
      .optional()
      .describe("Whether the pod gets the account's token for the API server. Defaults to false."),
    imagePullSecrets: z.array(named).optional().describe("Secrets for registries. Defaults to none."),
    nodeSelector: z.record(z.string().min(1), label).optional().describe("Labels that a node must have."),
    tolerations: z.array(toleration).optional().describe("Taints of nodes that it tolerates."),
    namespace: named.max(63).optional().describe("Defaults to the context's, else default."),
    template: z.string().min(1).optional().describe("A file with a Job, in YAML or JSON. Defaults to none."),
    unsafe: z
      .boolean()
      .default(false)
      .describe("Lets settings through that give power over the node or the cluster. Defaults to false."),
    startTimeout: durationOption
      .default("5m")
      .describe(
        "Longest time until the container starts; what takes longer costs no attempt. Defaults to 5m.",
      ),
    interruptions: z
      .int()
      .min(0)
      .max(1000)
      .default(20)
      .describe("How often the cluster may interrupt a run without costing an attempt. Defaults to 20."),
    ...imageJobShape,
    kubeconfig: z
      .string()
      .min(1)
      .optional()
      .describe(
        "A kubeconfig file. Defaults to KUBECONFIG, else ~/.kube/config, else the cluster we run in.",
      ),
    context: z.string().min(1).optional().describe("A context of it. Defaults to the current one."),
    inCluster: z.boolean().default(false).describe("Whether to use the cluster that we run in."),
  })
  .superRefine((options, context) => {
    const refuse = (path: (string | number)[], message: string): void =>
      context.addIssue({ code: "custom", path, message });
    if (options.image === undefined && options.template === undefined) {
      refuse(["image"], "it is missing; only with a template may it be left out");
    }
    if (options.inCluster && (options.kubeconfig ?? options.context) !== undefined) {
      refuse(["inCluster"], "excludes kubeconfig and context");
    }
    if (options.unsafe) return;
    const meant = "; if that is meant, say unsafe = true";
    if (/^0+(:|$)/.test(options.user ?? "")) refuse(["user"], `is root${meant}`);
    options.capabilities?.forEach((capability, index) => {
      if (!isHarmlessCapability(capability))
        refuse(["capabilities", index], `it asks for ${capability}, which is power over the node${meant}`);
    });
  });
