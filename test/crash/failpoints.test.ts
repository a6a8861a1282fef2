import { expect, test } from "vitest";
import { Hosted } from "./hosted.ts";
import { FAILPOINTS } from "./protocol.ts";

// Early, and when much is under way at once.
const PASSES = [1, 7, 60];

for (const name of FAILPOINTS) {
  test(`a host that dies at "${name}" loses nothing`, async () => {
    for (const nth of PASSES) {
      await using hosted = await Hosted.make({
        processes: [{ name: "a" }, { name: "b", takes: 1 }, { name: "ordered", order: "key" }],
      });
      await hosted.start({ name, nth });
      await hosted.load(2_000, () => hosted.sent >= 400);
      const died = await hosted.exited();
      expect(died.signal, `it died at pass ${nth}`).toBe("SIGKILL");

      await hosted.start();
      await hosted.load(2_000, () => hosted.sent >= 600);
      await hosted.finish(20_000);
      expect(hosted.ledger.missing(hosted.processes)).toEqual([]);
      expect(hosted.ledger.problems).toEqual([]);
      expect(hosted.ledger.acknowledged.size).toBe(hosted.sent);
    }
  }, 90_000);
}
