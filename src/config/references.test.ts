import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { errorsIn, load, ORDERS, parse } from "../../test/support/config.ts";
import { maskedView } from "./pipeline.ts";

test("what a shell would fill in is left alone inside a text, and by itself if it is escaped", async () => {
  const { processes } = await parse(
    '[[process]]\nname = "p"\ntype = "shell"\nargv = ["sh", "-c", "echo ${HOME}", "$${HOME}"]\n',
  );
  expect(processes[0]?.made?.options).toMatchObject({ argv: ["sh", "-c", "echo ${HOME}", "${HOME}"] });
});

test("files are read from beside the config file, without their last line end", async () => {
  const folder = await mkdtemp(join(tmpdir(), "sluice-references-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, "secret.txt"), "line one\nline two\r\n");
  const file = join(folder, "c.toml");
  await writeFile(
    file,
    '[[process]]\nname = "p"\ntype = "shell"\nargv = ["a ${file:secret.txt} b", "$${env:TOKEN} ${HOME} ${other:x}"]\n',
  );
  const { processes, redact } = await load(file);
  expect(processes[0]?.made?.options).toMatchObject({
    argv: ["a line one\nline two b", "${env:TOKEN} ${HOME} ${other:x}"],
  });
  expect(redact('it said "line two" and line one\\nline two')).toBe('it said "***" and ***');
});

test("nothing that came from a reference, or that a kind marks secret, is shown", async () => {
  const pipeline = await parse(ORDERS);
  const view = maskedView(pipeline);
  expect(view).toMatchObject({
    name: "orders",
    http: { listen: "127.0.0.1:8787", token: "***" },
    input: [
      { name: "raw_orders", connection_string: "***", tables: ["raw.orders"] },
      { name: "shop", secrets: "***" },
    ],
    process: [{ name: "enrich", argv: ["node", "enrich.mjs", "***"] }, { name: "audit" }],
    link: pipeline.links,
  });
  const shown = JSON.stringify(view);
  for (const secret of ["hunter22", "pass", "s3cret-one"]) expect(shown).not.toContain(secret);
});

test.each(["token", "viewer_token", "admin_token"])("a %s that stands in the file is masked", async (key) => {
  const pipeline = await parse(`[http]\n${key} = "in the open"\n`);
  expect(maskedView(pipeline)).toMatchObject({ http: { [key]: "***" } });
  expect(pipeline.redact("the token in the open is wrong")).toBe("the token *** is wrong");
});

test("texts are freed of secrets, however they are quoted", async () => {
  const { redact } = await parse(ORDERS);
  expect(redact("connect to postgres://sluice:pass%20word@localhost/shop: no")).toBe("connect to ***: no");
  expect(redact('password "pass word" of pass%20word failed, token hunter22, key s3cret-one')).toBe(
    'password "***" of *** failed, token ***, key ***',
  );
  expect(redact("nothing here")).toBe("nothing here");
});

test("errors do not tell what a reference stood for", async () => {
  const errors = await errorsIn(
    '[[process]]\nname = "p"\ntype = "note"\ntimeout = "${env:TOKEN}"\n[[link]]\nfrom = "${env:TOKEN}"\nto = "p"\n',
  );
  expect(errors).toHaveLength(2);
  expect(errors.join()).not.toContain("hunter22");
  expect(errors[0]).toContain('"***" is not a duration');
});
