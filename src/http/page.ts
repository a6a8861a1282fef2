import { existsSync, readFileSync, readdirSync } from "node:fs";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The page's files, read once. */
export interface Page {
  /** The file at a path, for GET and HEAD; `undefined` if the page has none there. */
  answer(request: Request): Response | undefined;
}

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
  ".woff2": "font/woff2",
  ".json": "application/json",
};

/** Everything from this server, and nothing inline: what an event holds can never become script or style. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

const FOR_EVER = "public, max-age=31536000, immutable";

interface StaticFile {
  readonly content: Buffer;
  readonly type: string;
  readonly isHashed: boolean;
}

/**
 * Reads the built page. The names of the files are the only paths that are answered, so no path can leave the folder.
 * `undefined` where it was not built.
 */
export function openPage(folder: string = builtFolder()): Page | undefined {
  if (!existsSync(join(folder, "index.html"))) return undefined;
  const files = new Map<string, StaticFile>();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const type = TYPES[extname(entry.name)];
    if (!entry.isFile() || type === undefined) continue;
    const path = join(entry.parentPath, entry.name);
    const name = path.slice(folder.replace(/\/$/, "").length).replaceAll("\\", "/");
    files.set(name, { content: readFileSync(path), type, isHashed: name.startsWith("/assets/") });
  }
  const index = files.get("/index.html");
  if (index !== undefined) files.set("/", index);
  return { answer: (request) => answer(request, files) };
}

function answer(request: Request, files: ReadonlyMap<string, StaticFile>): Response | undefined {
  const file = files.get(new URL(request.url).pathname);
  if (file === undefined || (request.method !== "GET" && request.method !== "HEAD")) return undefined;
  return new Response(request.method === "HEAD" ? null : new Uint8Array(file.content), {
    headers: {
      "content-type": file.type,
      "content-length": String(file.content.length),
      "cache-control": file.isHashed ? FOR_EVER : "no-cache",
      "content-security-policy": POLICY,
    },
  });
}

/** `dist/ui`, whether this runs from the sources or from what was built of them. */
function builtFolder(): string {
  const here = import.meta.url;
  return fileURLToPath(new URL(here.includes("/dist/http/") ? "../ui" : "../../dist/ui", here));
}
