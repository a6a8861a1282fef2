import { test } from "vitest";
import { surviveFault, type FaultReport } from "./faults.ts";
import { whyNoStrace, type Injection } from "./strace.ts";

const reason = whyNoStrace();

/** From the first call at the opening of the file to far into the load. */
function* cases(): Generator<Injection> {
  for (let n = 1; n <= 40; n += 1) yield { call: "sync", error: "EIO", when: `${n}` };
  for (let n = 10; n <= 40; n += 3) yield { call: "sync", error: "ENOSPC", when: `${n}..${n + 4}` };
  for (let n = 1; n <= 60; n += 7) yield { call: "pwrite64", error: "EIO", when: `${n}` };
  for (let n = 60; n <= 400; n += 17) yield { call: "pwrite64", error: "EIO", when: `${n}` };
  for (let n = 60; n <= 400; n += 23) yield { call: "pwrite64", error: "ENOSPC", when: `${n}..${n + 30}` };
  for (let n = 1; n <= 30; n += 3) yield { call: "pread64", error: "EIO", when: `${n}` };
  for (let n = 1; n <= 4; n += 1) yield { call: "ftruncate", error: "EIO", when: `${n}` };
}

test("a host whose disk fails at any of its calls acknowledges nothing falsely, goes on and loses nothing", async ({
  skip,
}) => {
  if (reason !== undefined) return skip(reason);
  const reports: FaultReport[] = [];
  for (const injection of cases()) {
    const { call, error, when } = injection;
    try {
      reports.push(await surviveFault(injection));
    } catch (cause) {
      throw new Error(`at ${call} ${when} with ${error}`, { cause });
    }
  }
  const stillborn = reports.filter((report) => report.stillborn).length;
  const refused = reports.reduce((sum, report) => sum + report.refused, 0);
  process.stdout.write(
    `${reports.length} failures of the disk, ${stillborn} while the host started; ${refused} events refused, 0 lost\n`,
  );
}, 900_000);
