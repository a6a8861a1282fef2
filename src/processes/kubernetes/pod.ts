import { EVENT_FOLDER } from "../../child/event-environment.ts";
import { parseDuration } from "../../model/duration.ts";
import { parseSize } from "../../model/size.ts";
import type { Options, Toleration } from "./options.ts";
import { fields, MAIN, mainContainer, type Fields } from "./template.ts";

const EVENT_VOLUME = "sluice-event";
const TMP_VOLUME = "sluice-tmp";
const PULL = { missing: "IfNotPresent", always: "Always", never: "Never" };

/** What the pod is for. */
export interface PodPurpose {
  readonly environment: Readonly<Record<string, string>>;
  /** The volume that has `event.json`. */
  readonly eventSource: object;
}

/**
 * The pod's spec. An option that is set wins over the template; the template wins over a default. Unsafe settings were
 * refused before; what the template leaves open is closed here, in each of its containers.
 */
export function buildPodSpec(
  options: Options,
  template: Fields,
  purpose: PodPurpose,
): { readonly pod: object; readonly main: string } {
  const own = mainContainer(template);
  const others = list(template["containers"]).filter((container) => container !== own);
  const main = typeof own["name"] === "string" ? own["name"] : MAIN;
  const mounts = list(own["volumeMounts"]);
  const hasTmp = mounts.some((mount) => mount["mountPath"] === "/tmp");
  const volumes = [
    ...list(template["volumes"]),
    { name: EVENT_VOLUME, ...purpose.eventSource },
    ...(hasTmp
      ? []
      : [{ name: TMP_VOLUME, emptyDir: { medium: "Memory", sizeLimit: String(parseSize(options.tmp)) } }]),
  ];
  const volumeMounts = [
    ...mounts,
    { name: EVENT_VOLUME, mountPath: EVENT_FOLDER, readOnly: true },
    ...(hasTmp ? [] : [{ name: TMP_VOLUME, mountPath: "/tmp" }]),
  ];
  const {
    serviceAccount,
    serviceAccountToken,
    nodeSelector,
    tolerations = [],
    imagePullSecrets = [],
  } = options;
  const pod = {
    enableServiceLinks: false,
    automountServiceAccountToken: false,
    ...template,
    ...(serviceAccount !== undefined && { serviceAccountName: serviceAccount }),
    ...(serviceAccountToken !== undefined && { automountServiceAccountToken: serviceAccountToken }),
    ...(nodeSelector !== undefined && {
      nodeSelector: { ...fields(template["nodeSelector"]), ...nodeSelector },
    }),
    tolerations: [...list(template["tolerations"]), ...tolerations.map(toToleration)],
    imagePullSecrets: [...list(template["imagePullSecrets"]), ...imagePullSecrets.map((name) => ({ name }))],
    restartPolicy: "Never",
    terminationGracePeriodSeconds: Math.max(1, Math.ceil(parseDuration(options.killAfter) / 1000)),
    securityContext: podSecurity(fields(template["securityContext"])),
    ...("initContainers" in template && { initContainers: list(template["initContainers"]).map(close) }),
    containers: [
      {
        terminationMessagePolicy: "FallbackToLogsOnError",
        ...own,
        ...program(options, own),
        name: main,
        env: environment(own, purpose.environment),
        resources: resources(options, fields(own["resources"])),
        securityContext: mainSecurity(options, fields(own["securityContext"])),
        volumeMounts,
      },
      ...others.map(close),
    ],
    volumes,
  };
  return { pod, main };
}

function toToleration({ seconds, ...toleration }: Toleration): object {
  return { ...toleration, ...(seconds !== undefined && { tolerationSeconds: seconds }) };
}

function program(options: Options, own: Fields): Fields {
  const { image, command, entrypoint, workdir, pull } = options;
  return {
    ...(image !== undefined && { image }),
    ...(entrypoint !== undefined && { command: entrypoint.map(literal) }),
    ...(command !== undefined && { args: command.map(literal) }),
    ...(workdir !== undefined && { workingDir: workdir }),
    imagePullPolicy: pull === undefined ? (own["imagePullPolicy"] ?? PULL.missing) : PULL[pull],
  };
}

/** Kubernetes puts variables in the place of `$(NAME)` in arguments and values; `$$` stands for a dollar. */
function literal(text: string): string {
  return text.replaceAll("$", "$$$$");
}

function environment(own: Fields, ours: Readonly<Record<string, string>>): readonly Fields[] {
  return [
    ...list(own["env"]).filter(({ name }) => !(String(name) in ours)),
    ...Object.entries(ours).map(([name, value]) => ({ name, value: literal(value) })),
  ];
}

function resources({ memory, cpus, resources: asked }: Options, own: Fields): object {
  const wanted: Fields = { ...fields(own["requests"]), ...asked?.requests };
  const allowed: Fields = {
    ...fields(own["limits"]),
    ...(memory !== undefined && { memory: String(parseSize(memory)) }),
    ...(cpus !== undefined && { cpu: cores(cpus) }),
    ...asked?.limits,
  };
  // What more was asked for than the default allows is allowed.
  const limits = {
    memory: wanted["memory"] ?? String(parseSize("512MiB")),
    cpu: wanted["cpu"] ?? "1",
    ...allowed,
  };
  const cpu = Math.min(0.1, cpus ?? 0.1);
  // A limit in the words of Kubernetes is not weighed: without a request it is what is asked for.
  const isWeighed = cpus !== undefined || !("cpu" in allowed);
  return {
    ...own,
    limits,
    requests: { memory: limits.memory, ...(isWeighed && { cpu: cores(cpu) }), ...wanted },
  };
}

function cores(cpus: number): string {
  return `${Math.max(1, Math.round(cpus * 1000))}m`;
}

function podSecurity(own: Fields): object {
  return {
    runAsNonRoot: own["runAsUser"] !== 0,
    seccompProfile: { type: "RuntimeDefault" },
    ...own,
  };
}

function mainSecurity({ user, readOnly, capabilities }: Options, own: Fields): object {
  const [uid, gid] = (user ?? "").split(":");
  const isRoot = Number(uid) === 0;
  return closedSecurity({
    ...own,
    ...(user !== undefined && { runAsUser: Number(uid), runAsNonRoot: !isRoot }),
    ...(gid !== undefined && { runAsGroup: Number(gid) }),
    ...(readOnly !== undefined && { readOnlyRootFilesystem: readOnly }),
    ...(capabilities !== undefined && {
      capabilities: { ...fields(own["capabilities"]), add: capabilities },
    }),
  });
}

function close(container: Fields): Fields {
  return { ...container, securityContext: closedSecurity(fields(container["securityContext"])) };
}

function closedSecurity(own: Fields): Fields {
  // Privileged contradicts all of it: Kubernetes refuses the pair.
  if (own["privileged"] === true) return own;
  return {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    ...own,
    capabilities: { drop: ["ALL"], ...fields(own["capabilities"]) },
    ...(own["runAsUser"] === 0 && { runAsNonRoot: own["runAsNonRoot"] ?? false }),
  };
}

function list(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? (value as readonly Fields[]) : [];
}
