import { SluiceError } from "../../model/errors.ts";
import type { Api } from "./api.ts";
import { toSluiceError } from "./errors.ts";
import { buildJob, jobName, runHash } from "./job.ts";
import type { Options } from "./options.ts";
import type { Template } from "./template.ts";

/** What a role must allow, by resource. */
const NEEDED: readonly {
  readonly group: string;
  readonly resource: string;
  readonly verbs: readonly string[];
}[] = [
  { group: "batch", resource: "jobs", verbs: ["create", "get", "list", "watch", "patch", "delete"] },
  { group: "", resource: "pods", verbs: ["list", "watch"] },
  { group: "", resource: "pods/log", verbs: ["get"] },
  { group: "", resource: "configmaps", verbs: ["create"] },
];

interface Review {
  readonly status?: { readonly allowed?: boolean };
}

/**
 * Looks whether the API server answers, lets us do what runs need, and would take a Job as the options make it.
 *
 * @throws SluiceError FORBIDDEN, naming each verb and resource that a role must allow; INVALID_OPTIONS, SOURCE_UNAVAILABLE
 */
export async function checkAccess(api: Api, options: Options, template: Template): Promise<void> {
  try {
    const missing = (await Promise.all(NEEDED.map((needed) => notAllowed(api, needed)))).flat();
    if (missing.length > 0) {
      throw new SluiceError(
        "FORBIDDEN",
        `in the namespace "${api.namespace}" of ${api.server} a role must also allow: ${missing.join(", ")}`,
      );
    }
    await tryOut(api, options, template);
  } catch (error) {
    throw toSluiceError(error, api);
  }
}

async function notAllowed(api: Api, { group, resource, verbs }: (typeof NEEDED)[number]): Promise<string[]> {
  const [name = "", subresource] = resource.split("/");
  const answers = await Promise.all(
    verbs.map(async (verb) => {
      const resourceAttributes = {
        namespace: api.namespace,
        verb,
        group,
        resource: name,
        ...(subresource !== undefined && { subresource }),
      };
      const review = await api.call<Review>({
        verb: "create",
        resource: "selfsubjectaccessreviews",
        method: "POST",
        path: "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        body: {
          apiVersion: "authorization.k8s.io/v1",
          kind: "SelfSubjectAccessReview",
          spec: { resourceAttributes },
        },
      });
      return review.status?.allowed === true ? [] : [`${verb} ${resource}`];
    }),
  );
  return answers.flat();
}

/** A Job that the server checks and does not make. */
async function tryOut(api: Api, options: Options, template: Template): Promise<void> {
  const identity = {
    pipeline: "check",
    journal: "check",
    process: "check",
    run: "check",
    attempt: 1,
    fence: 1,
    event: "check",
    traceparent: "",
    labels: {},
  };
  const name = jobName(runHash(identity), 1);
  await api.call({
    verb: "create",
    resource: "jobs",
    method: "POST",
    path: `/apis/batch/v1/namespaces/${encodeURIComponent(api.namespace)}/jobs`,
    query: { dryRun: "All", fieldManager: "sluice", fieldValidation: "Strict" },
    body: buildJob(identity, options, template, { name, event: "{}", timeLeft: undefined }),
  });
}
