import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { locate } from "./locate.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-locate-"));
});
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => vi.unstubAllEnvs());

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

test("the journal, the URL and the token come from the config file, relative to its folder", async () => {
  vi.stubEnv("TOKEN_FOR_TEST", "secret");
  const config = file(
    "all.toml",
    `name = "shop"
     journal = "sqlite:data/j.db"
     [http]
     listen = "0.0.0.0:9000"
     token = "\${env:TOKEN_FOR_TEST}"
     [[input]]
     name = "orders"
     type = "webhook"
     [[process]]
     name = "land"
     type = "sql"
     order = "key"`,
  );
  expect(await locate({ config })).toEqual({
    file: config,
    name: "shop",
    journal: join(folder, "data/j.db"),
    url: "http://127.0.0.1:9000",
    isUrlSaid: false,
    token: "secret",
    components: [
      { role: "input", name: "orders", type: "webhook", ordered: false },
      { role: "process", name: "land", type: "sql", ordered: true },
    ],
  });
});

test("a file that says little has the defaults, and no URL", async () => {
  const config = file("little.yaml", "input: []");
  expect(await locate({ config })).toEqual({
    file: config,
    name: "pipeline",
    journal: join(folder, ".sluice/journal.db"),
    isUrlSaid: false,
    components: [],
  });
});

test("references that are not set, and all else that is wrong, do not keep from finding the pipeline", async () => {
  const config = file(
    "unset.toml",
    'connection = "${env:NOT_SET_AT_ALL}"\n[http]\ntoken = "${env:NOT_SET_AT_ALL}"\nlisten = "[::]:1"',
  );
  expect(await locate({ config })).toMatchObject({ url: "http://[::1]:1" });
});

test("what is said comes before what the file says", async () => {
  const config = file("said.toml", '[http]\ntoken = "of the file"');
  const target = { config, journal: "sqlite:/j.db", url: "https://sluice.example/base/", token: "said" };
  expect(await locate(target)).toMatchObject({
    journal: "/j.db",
    url: "https://sluice.example/base",
    isUrlSaid: true,
    token: "said",
  });
});

test("a URL alone is a pipeline by itself, with the token of the environment", async () => {
  vi.stubEnv("SLUICE_TOKEN", "of the environment");
  expect(await locate({ url: "http://127.0.0.1:1" })).toEqual({
    url: "http://127.0.0.1:1",
    isUrlSaid: true,
    token: "of the environment",
    components: [],
  });
});

test("a journal in memory has no file", async () => {
  expect(await locate({ journal: "memory:" })).toEqual({ isUrlSaid: false, components: [] });
});

test.each(["nonsense", "ftp://x", "127.0.0.1:8787", "file:///etc/passwd"])(
  "%s is no URL of an API",
  async (url) => {
    await expect(locate({ url })).rejects.toMatchObject({ code: "INVALID_OPTIONS" });
  },
);

test("a file that was named but is not there is an error", async () => {
  await expect(locate({ config: join(folder, "none.toml") })).rejects.toMatchObject({
    code: "CONFIG_NOT_FOUND",
  });
});
