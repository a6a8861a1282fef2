export { assemble, type OrchestratorSettings } from "./assemble.ts";
export { definePipeline, type InputTable, type PipelineDefinition, type ProcessTable } from "./define.ts";
export { configError, configIssues, formatIssue, type ConfigIssue, type Position } from "./issue.ts";
export { configSchema } from "./json-schema.ts";
export { parseListen, type Listen } from "./listen.ts";
export { loadPipeline, parsePipeline, type LoadOptions } from "./load.ts";
export type { JsonSchema } from "./option-keys.ts";
export {
  maskedView,
  type Pipeline,
  type PipelineHttp,
  type PipelineInput,
  type PipelineProcess,
  type PipelineRetention,
} from "./pipeline.ts";
export {
  createRegistry,
  type AnyInputKind,
  type AnyKind,
  type AnyProcessKind,
  type KindTable,
  type Registry,
  type Role,
} from "./registry.ts";
export { PipelineChanges, type ChangesOptions } from "./changes.ts";
export { Secrets } from "./references.ts";
export type { ConfigFormat } from "./source.ts";
