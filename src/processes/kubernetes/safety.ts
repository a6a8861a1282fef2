import { isHarmlessCapability } from "../../child/image.ts";

export interface UnsafeSetting {
  readonly path: string;
  readonly why: string;
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * What gives a pod power over its node or the cluster: more than the "restricted" Pod Security Standard allows
 * (kubernetes.io, "Pod Security Standards"), and a token for the API server.
 */
export function findUnsafe(spec: Fields): readonly UnsafeSetting[] {
  const found: UnsafeSetting[] = [];
  const add = (path: string, why: string): void => void found.push({ path, why });
  for (const key of ["hostNetwork", "hostPID", "hostIPC"]) {
    if (spec[key] === true) add(key, "is the node's own");
  }
  if (spec["automountServiceAccountToken"] === true) {
    add("automountServiceAccountToken", "hands the pod a token for the API server");
  }
  inSecurityContext(fields(spec["securityContext"]), "securityContext", add);
  list(spec["volumes"]).forEach((volume, index) => inVolume(volume, `volumes.${index}`, add));
  for (const kind of ["initContainers", "containers"] as const) {
    list(spec[kind]).forEach((container, index) => inContainer(container, `${kind}.${index}`, add));
  }
  return found;
}

type Add = (path: string, why: string) => void;

function inContainer(container: Fields, path: string, add: Add): void {
  const context = fields(container["securityContext"]);
  inSecurityContext(context, `${path}.securityContext`, add);
  if (context["privileged"] === true) add(`${path}.securityContext.privileged`, "takes all limits away");
  if (context["allowPrivilegeEscalation"] === true) {
    add(`${path}.securityContext.allowPrivilegeEscalation`, "lets the program gain rights");
  }
  const { procMount } = context;
  if (procMount !== undefined && procMount !== "Default") {
    add(`${path}.securityContext.procMount`, "shows the kernel's files");
  }
  inCapabilities(fields(context["capabilities"]), `${path}.securityContext.capabilities`, add);
  list(container["ports"]).forEach((port, index) => {
    const { hostPort } = port;
    if (typeof hostPort === "number" && hostPort > 0)
      add(`${path}.ports.${index}.hostPort`, "is the node's own");
  });
}

function inCapabilities(capabilities: Fields, path: string, add: Add): void {
  const { add: added, drop } = capabilities;
  if (Array.isArray(added)) {
    added.forEach((name, index) => {
      if (!isHarmlessCapability(String(name)))
        add(`${path}.add.${index}`, `${String(name)} is power over the node`);
    });
  }
  if (Array.isArray(drop) && !drop.includes("ALL"))
    add(`${path}.drop`, 'leaves capabilities: it must hold "ALL"');
}

function inSecurityContext(context: Fields, path: string, add: Add): void {
  if (context["runAsNonRoot"] === false) add(`${path}.runAsNonRoot`, "lets the program be root");
  if (context["runAsUser"] === 0) add(`${path}.runAsUser`, "is root");
  const seccomp = fields(context["seccompProfile"])["type"];
  if (seccomp === "Unconfined") add(`${path}.seccompProfile.type`, "lets every system call through");
  const armor = fields(context["appArmorProfile"])["type"];
  if (armor === "Unconfined") add(`${path}.appArmorProfile.type`, "takes a limit away");
  if (fields(context["windowsOptions"])["hostProcess"] === true) {
    add(`${path}.windowsOptions.hostProcess`, "is the node's own");
  }
  if (Array.isArray(context["sysctls"]) && context["sysctls"].length > 0) {
    add(`${path}.sysctls`, "changes the kernel's settings");
  }
}

function inVolume(volume: Fields, path: string, add: Add): void {
  if (volume["hostPath"] !== undefined) add(`${path}.hostPath`, "is a folder of the node");
  list(fields(volume["projected"])["sources"]).forEach((source, index) => {
    if (source["serviceAccountToken"] === undefined) return;
    const { audience } = fields(source["serviceAccountToken"]);
    // A token for somebody else, such as a cloud's, is no token for the API server.
    if (audience === undefined || audience === "")
      add(
        `${path}.projected.sources.${index}.serviceAccountToken`,
        "hands the pod a token for the API server",
      );
  });
}

function fields(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

function list(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? value.map(fields) : [];
}
