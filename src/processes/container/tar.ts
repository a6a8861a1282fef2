/** Blocks of the POSIX ustar format: https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html */
const BLOCK = 512;
const REGULAR = new Set(["0", "\0"]);
/** Headers that only tell more of the entry that follows them. */
const EXTENSIONS = new Set(["x", "g", "L", "K"]);

export interface TarFile {
  readonly name: string;
  readonly mode: number;
  readonly content: Buffer;
}

/** An archive of regular files that belong to root. Names are at most 100 bytes of ASCII. */
export function packTar(files: readonly TarFile[]): Buffer {
  const blocks = files.flatMap(({ name, mode, content }) => [
    header(name, mode, content.length),
    content,
    Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK),
  ]);
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)]);
}

function header(name: string, mode: number, size: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, offset: number, length: number): void => {
    block.write(`${value.toString(8).padStart(length - 1, "0")}\0`, offset, "latin1");
  };
  block.write(name, 0, "latin1");
  octal(mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(0, 136, 12);
  block.write("        0", 148, "latin1");
  block.write("ustar\x0000", 257, "latin1");
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

/** The content of the first entry of an archive; `undefined` if that is no regular file. */
export function unpackFirst(archive: Buffer): Buffer | undefined {
  for (let offset = 0; offset + BLOCK <= archive.length;) {
    const type = String.fromCharCode(archive[offset + 156] ?? 0);
    const size = Number.parseInt(archive.toString("latin1", offset + 124, offset + 136), 8) || 0;
    const start = offset + BLOCK;
    if (!EXTENSIONS.has(type)) {
      return REGULAR.has(type) ? archive.subarray(start, start + size) : undefined;
    }
    offset = start + Math.ceil(size / BLOCK) * BLOCK;
  }
  return undefined;
}
