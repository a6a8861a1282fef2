import type { RunContext } from "../../model/component.ts";
import type { Api } from "./api.ts";
import type { JobView } from "./cluster-view.ts";
import type { JobStore } from "./job-store.ts";
import type { Options } from "./options.ts";
import type { Template } from "./template.ts";

/** What an attempt has at hand while it follows its Job. */
export interface Following {
  readonly api: Api;
  readonly store: JobStore;
  readonly options: Options;
  readonly template: Template;
  readonly context: RunContext;
  readonly view: JobView;
}
