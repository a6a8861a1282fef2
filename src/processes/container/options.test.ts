import { expect, test } from "vitest";
import { containerProcess, type ContainerProcessOptions } from "./index.ts";
import { createDemultiplexer } from "./logs.ts";
import { packTar, unpackFirst } from "./tar.ts";

const risky: readonly Partial<ContainerProcessOptions>[] = [
  { privileged: true },
  { network: "host" },
  { network: "container:other" },
  { capabilities: ["SYS_ADMIN"] },
  ...[
    "/var/run/docker.sock",
    "/var//run/../run/docker.sock",
    "/",
    "/run",
    "/var/",
    "/proc/1",
    "/run/podman/podman.sock",
  ].map((source) => ({ mounts: [{ source, target: "/x" }] })),
  { mounts: [{ source: "/opt/engine", target: "/x" }], engine: "unix:///opt/engine/d.sock" },
];

test.each(risky)("what gives power over the host is refused unless it is said to be meant: %j", (options) => {
  const make = (unsafe: boolean): unknown => containerProcess({ name: "p", image: "i", ...options, unsafe });
  expect(() => make(false)).toThrow(/unsafe = true/);
  expect(() => make(true)).not.toThrow();
});

test.each([
  { mounts: [{ source: "/srv/data", target: "/data" }] },
  { mounts: [{ source: "cache", target: "/c" }] },
  { network: "bridge" },
  { capabilities: ["CHOWN"] },
])("what gives none is let through: %j", (options) => {
  expect(() => containerProcess({ name: "p", image: "i", ...options })).not.toThrow();
});

test("a file comes out of an archive as it went in, whatever headers precede it", () => {
  const archive = packTar([{ name: "a", mode: 0o644, content: Buffer.from("x".repeat(700)) }]);
  expect(unpackFirst(archive)?.toString()).toBe("x".repeat(700));
  expect(unpackFirst(Buffer.alloc(100))).toBeUndefined();
});

test("streams are told apart however their frames are cut", () => {
  const frame = (type: number, text: string): Buffer => {
    const header = Buffer.alloc(8);
    header[0] = type;
    header.writeUInt32BE(text.length, 4);
    return Buffer.concat([header, Buffer.from(text)]);
  };
  const seen = { stdout: "", stderr: "" };
  const push = createDemultiplexer((bytes, stream) => (seen[stream] += bytes.toString()));
  for (const byte of Buffer.concat([frame(1, "out"), frame(2, "err"), frame(1, "!")]))
    push(Buffer.from([byte]));
  expect(seen).toEqual({ stdout: "out!", stderr: "err" });
});
