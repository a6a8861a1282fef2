// What `sluice/http` exports: to serve a pipeline that was made in code.
export { createApi, type Api, type ApiOptions, type FetchHandler } from "./api.ts";
export type { AccessOptions } from "./access.ts";
export type { ApiChanges } from "./changes.ts";
export { hooksHandler } from "./hooks.ts";
export { listen, type Address, type Listener, type ListenTimeouts } from "./listen.ts";
export { openPage, type Page } from "./page.ts";
export type { Problem } from "../model/problem.ts";
export type { ApiPipeline } from "./pipeline.ts";
export type { MetricsSource } from "./route.ts";
export { serve, type HttpListenerOptions, type ServeOptions, type Servers } from "./serve.ts";
export type {
  EventTaken,
  RunChange,
  RunProgress,
  Sampled,
  StreamEvent,
  StreamMessages,
} from "./stream/messages.ts";
export type { ComponentStats } from "./stream/tally.ts";
