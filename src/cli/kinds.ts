import type { KindTable } from "../config/registry.ts";

/** The kinds that come with sluice, by the `type` of config files. Each is loaded when a pipeline has one of it. */
export const BUILT_IN_KINDS: KindTable = {
  inputs: {
    cron: async () => (await import("../inputs/cron.ts")).cronInput,
    webhook: async () => (await import("../inputs/webhook.ts")).webhookInput,
    postgres: async () => (await import("../inputs/postgres/index.ts")).postgresInput,
    kafka: async () => (await import("../inputs/kafka/index.ts")).kafkaInput,
    poll: async () => (await import("../inputs/poll/index.ts")).pollInput,
    sse: async () => (await import("../inputs/sse/index.ts")).sseInput,
    file: async () => (await import("../inputs/file/index.ts")).fileInput,
    exec: async () => (await import("../inputs/exec/index.ts")).execInput,
    function: async () => (await import("../inputs/function.ts")).functionInput,
    engine: async () => (await import("../inputs/engine.ts")).engineInput,
  },
  processes: {
    function: async () => (await import("../processes/function/index.ts")).functionProcess,
    command: async () => (await import("../processes/command.ts")).commandProcess,
    container: async () => (await import("../processes/container/index.ts")).containerProcess,
    kubernetes: async () => (await import("../processes/kubernetes/index.ts")).kubernetesProcess,
    webhook: async () => (await import("../processes/webhook.ts")).webhookProcess,
    sql: async () => (await import("../processes/sql/index.ts")).sqlProcess,
    kafka: async () => (await import("../processes/kafka/index.ts")).kafkaProcess,
  },
};
