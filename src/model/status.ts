/** What a process may say of its run. The first three do not fail it; `fail` does. */
export interface ProcessStatus {
  readonly name: string;
  readonly status: "unknown" | "unstarted" | "success" | "fail";
  readonly logs?: readonly string[];
}
