import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { packTar } from "../../src/processes/container/tar.ts";

/** A registry of images on 127.0.0.1, which engines let be without encryption. */
export interface Registry {
  /** The one image that it has: `/busybox` alone. */
  readonly image: string;
  /** How often a manifest was asked for. */
  readonly asked: number;
  close(): Promise<void>;
}

const VENDOR = "application/vnd.docker";
const MANIFEST = `${VENDOR}.distribution.manifest.v2+json`;
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

/** Image Manifest Version 2, Schema 2: https://distribution.github.io/distribution/spec/manifest-v2-2/ */
export async function startRegistry(): Promise<Registry> {
  const tar = packTar([{ name: "busybox", mode: 0o755, content: await readFile("/bin/busybox") }]);
  const layer = gzipSync(tar);
  const config = bytesOf({
    architecture: ARCHITECTURES[process.arch] ?? process.arch,
    os: "linux",
    config: {},
    rootfs: { type: "layers", diff_ids: [digestOf(tar)] },
  });
  const manifest = bytesOf({
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: { mediaType: `${VENDOR}.container.image.v1+json`, size: config.length, digest: digestOf(config) },
    layers: [
      { mediaType: `${VENDOR}.image.rootfs.diff.tar.gzip`, size: layer.length, digest: digestOf(layer) },
    ],
  });
  const blobs = new Map([config, layer].map((blob) => [`/v2/tiny/blobs/${digestOf(blob)}`, blob]));
  const manifests = new Set(["latest", digestOf(manifest)].map((name) => `/v2/tiny/manifests/${name}`));
  let asked = 0;
  const server = createServer(({ url = "" }, response) => {
    if (url === "/v2/") return response.end("{}");
    if (url.includes("/manifests/")) asked += 1;
    const blob = manifests.has(url) ? manifest : blobs.get(url);
    if (blob === undefined) {
      const error = { code: "MANIFEST_UNKNOWN", message: "manifest unknown" };
      return response.writeHead(404).end(JSON.stringify({ errors: [error] }));
    }
    response.setHeader("content-type", blob === manifest ? MANIFEST : "application/octet-stream");
    response.setHeader("content-length", blob.length);
    response.setHeader("docker-content-digest", digestOf(blob));
    return response.end(blob);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    image: `127.0.0.1:${(server.address() as AddressInfo).port}/tiny`,
    get asked() {
      return asked;
    },
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

function bytesOf(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
