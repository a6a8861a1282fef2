import type { Reporter, TestModule } from "vitest/node";

/**
 * Ends the output with `N passed, N failed`, alone on a line. What failed outside of any test counts as failed, and
 * so does a file that could not be loaded; with no test at all, one is said to have failed.
 */
export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    let passed = 0;
    let failed = unhandled.length;
    const skipped: string[] = [];
    for (const module of modules) {
      let own = 0;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === "passed") passed += 1;
        if (state === "failed") own += 1;
        if (state === "skipped") skipped.push(`${module.relativeModuleId}: ${test.fullName}`);
      }
      failed += own === 0 && !module.ok() ? 1 : own;
    }
    if (passed + failed === 0) failed = 1;
    if (skipped.length > 0) console.log(`\nskipped:\n${skipped.map((name) => `  ${name}`).join("\n")}`);
    console.log(`\n${passed} passed, ${failed} failed`);
  }
}
