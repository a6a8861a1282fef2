import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { workspace, type Workspace } from "../support/cli.ts";

// Of bash in live.test.ts.

let shop: Workspace;
let folder: string;
beforeAll(() => {
  shop = workspace();
  folder = mkdtempSync(join(tmpdir(), "sluice-completion-"));
});
afterAll(async () => {
  await shop.remove();
  rmSync(folder, { recursive: true });
});

function isHere(shell: string): boolean {
  try {
    execFileSync(shell, ["-c", "true"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Types into a zsh of its own, and presses Tab. */
const TYPE = `
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PS1=; fpath=($1 \\$fpath); autoload -Uz compinit; compinit -D -u; print REA''DY"
zpty -r -m shell seen '*READY*' || exit 3
zpty -n -w shell "sluice $2"$'\\t'
zpty -r -m shell seen "*sluice $3*" || exit 4
zpty -d shell
`;

test.skipIf(!isHere("zsh"))("zsh completes commands and their options (needs zsh)", async () => {
  writeFileSync(join(folder, "_sluice"), (await shop.sluice(["completion", "zsh"])).stdout);
  writeFileSync(join(folder, "type.zsh"), TYPE);
  const type = (typed: string, wanted: string): Buffer =>
    execFileSync("zsh", ["-f", join(folder, "type.zsh"), folder, typed, wanted], { timeout: 15_000 });
  expect(() => type("resta", "restart")).not.toThrow();
  expect(() => type("replay --dry", "replay --dry-run")).not.toThrow();
});

test.skipIf(!isHere("fish"))("fish completes commands and their options (needs fish)", async () => {
  const script = join(folder, "sluice.fish");
  writeFileSync(script, (await shop.sluice(["completion", "fish"])).stdout);
  const complete = (typed: string): string[] =>
    execFileSync("fish", ["--no-config", "-c", `source ${script}; complete -C '${typed}'`], {
      encoding: "utf8",
    })
      .trim()
      .split("\n")
      .map((line) => line.split("\t")[0] as string);
  expect(complete("sluice res").toSorted()).toEqual(["restart", "resume"]);
  expect(complete("sluice replay --dry")).toEqual(["--dry-run"]);
});
