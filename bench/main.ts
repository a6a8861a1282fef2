// `npm run bench [-- SCENARIO… --rounds N --json]`: prints ratios against what is measured in the same run.
// It gates nothing; but a figure whose events did not each arrive exactly once at each process is void, and that fails.
import { measureAndPrint, readArguments } from "./command.ts";
import { scenario as a } from "./scenarios/a-durable-512.ts";
import { scenario as b } from "./scenarios/b-durable-100.ts";
import { scenario as c } from "./scenarios/c-idle-latency.ts";
import { scenario as d } from "./scenarios/d-fan-out.ts";
import { scenario as e1 } from "./scenarios/e-memory-1.ts";
import { scenario as e4 } from "./scenarios/e-memory-4.ts";
import { scenario as f } from "./scenarios/f-history.ts";
import { scenario as g } from "./scenarios/g-restart.ts";
import { scenario as h } from "./scenarios/h-payload.ts";
import { scenario as i } from "./scenarios/i-event-loop.ts";
import { scenario as j } from "./scenarios/j-webhook.ts";
import { scenario as k } from "./scenarios/k-capture.ts";
import { scenario as l } from "./scenarios/l-writers.ts";
import { scenario as m } from "./scenarios/m-capture-latency.ts";
import { scenario as n } from "./scenarios/n-child.ts";
import { scenario as nContainer } from "./scenarios/n-container.ts";
import { scenario as o } from "./scenarios/o-topic.ts";
import { scenario as p } from "./scenarios/p-cpu.ts";
import { scenario as q } from "./scenarios/q-start.ts";

// Those that look at the same samples stand together.
await measureAndPrint(
  readArguments("npm run bench", [a, h, i, p, b, c, d, e1, e4, f, g, j, k, l, m, n, nContainer, o, q]),
);
