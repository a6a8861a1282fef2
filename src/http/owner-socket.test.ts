import { spawnSync } from "node:child_process";
import { request } from "node:http";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { text } from "node:stream/consumers";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Listener } from "./listen.ts";
import { listenOnOwnerSocket } from "./owner-listener.ts";
import { checkPrivateFolder, findOwnerSocket, ownerSocketPath } from "./owner-socket.ts";

let folder: string;
let journal: string;
const open: Listener[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-socket-"));
  journal = join(folder, "journal.db");
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((listener) => listener.close(0)));
  rmSync(folder, { recursive: true });
});

async function own(path = journal): Promise<void> {
  open.push(await listenOnOwnerSocket(() => new Response("hello"), path));
}

function ask(socketPath: string): Promise<string> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path: "/", agent: false }, (response) => {
      text(response).then(resolve, reject);
    })
      .on("error", reject)
      .end();
  });
}

test("the socket lies beside the journal, for its owner only", async () => {
  expect(await findOwnerSocket(journal)).toBeUndefined();
  await own();
  const path = `${journal}.sock`;
  expect(await findOwnerSocket(journal)).toBe(path);
  expect(ownerSocketPath(journal)).toBe(path);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(await ask(path)).toBe("hello");
});

test("the socket is gone when its owner closes it", async () => {
  await own();
  await open[0]?.close();
  expect(existsSync(`${journal}.sock`)).toBe(false);
});

test("a socket that a dead owner left is replaced", async () => {
  const script = `require("net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))`;
  spawnSync(process.execPath, ["-e", script, `${journal}.sock`]);
  expect(existsSync(`${journal}.sock`)).toBe(true);
  expect(await findOwnerSocket(journal)).toBeUndefined();
  await own();
  expect(await ask(`${journal}.sock`)).toBe("hello");
});

test("a socket that somebody answers is left alone", async () => {
  await own();
  await expect(own()).rejects.toMatchObject({ code: "LISTENER_FAILED" });
  expect(await ask(`${journal}.sock`)).toBe("hello");
});

test("a file in the socket's place is never removed", async () => {
  writeFileSync(`${journal}.sock`, "precious");
  await expect(own()).rejects.toMatchObject({ code: "LISTENER_FAILED" });
  expect(existsSync(`${journal}.sock`)).toBe(true);
});

test("a journal reached by another name has the same socket", () => {
  writeFileSync(journal, "");
  symlinkSync(journal, join(folder, "other.db"));
  expect(ownerSocketPath(join(folder, "other.db"))).toBe(ownerSocketPath(journal));
});

test("a path too long for a socket is replaced by a short one in a private folder", async () => {
  const long = join(folder, "x".repeat(90), "journal.db");
  mkdirSync(dirname(long));
  const path = ownerSocketPath(long);
  expect(Buffer.byteLength(path)).toBeLessThanOrEqual(100);
  await own(long);
  expect(await ask(path)).toBe("hello");
  expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
});

test("a folder that others may enter is not private", async () => {
  chmodSync(folder, 0o755);
  await expect(checkPrivateFolder(folder)).rejects.toMatchObject({ code: "LISTENER_FAILED" });
  const link = join(tmpdir(), `sluice-link-${process.pid}`);
  symlinkSync(folder, link);
  await expect(checkPrivateFolder(link)).rejects.toMatchObject({ code: "LISTENER_FAILED" });
  rmSync(link);
});
