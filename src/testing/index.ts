// What `sluice/testing` exports, for tests of a pipeline or of a component of one's own. The suites for components
// go with any test runner; the journal's needs vitest and has a subpath of its own.
export { createFakeClock, type FakeClock } from "./clock.ts";
export type { ConformanceTest } from "./conformance.ts";
export {
  createInputContext,
  createRunContext,
  type CapturedLine,
  type InputContextOptions,
  type RunContextOptions,
  type TestInputContext,
  type TestRunContext,
} from "./context.ts";
export { inputConformance, type InputConformanceOptions, type InputSubject } from "./inputs/conformance.ts";
export {
  processConformance,
  type ProcessConformanceOptions,
  type ProcessSubject,
  type Reattaching,
} from "./processes/conformance.ts";
export { realClock } from "./real-clock.ts";
export { createLatch, createSignal, type Latch, type Signal } from "./signal.ts";
