// What `sluice/testing` exports, for tests of a pipeline or of a component of one's own. The conformance suites need
// vitest and have subpaths of their own.
export { createFakeClock, type FakeClock } from "./clock.ts";
export {
  createInputContext,
  createRunContext,
  type CapturedLine,
  type InputContextOptions,
  type RunContextOptions,
  type TestInputContext,
  type TestRunContext,
} from "./context.ts";
export { createLatch, createSignal, type Latch, type Signal } from "./signal.ts";
