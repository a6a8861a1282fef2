import { createLineReader } from "../../child/lines.ts";

export type OnBytes = (bytes: Buffer, stream: "stdout" | "stderr") => void;

/**
 * Takes apart what an engine sends of a container without a terminal: frames of a stream's number, three zeros and a
 * length, then as many bytes (Docker Engine API, "Stream format" of ContainerAttach). No more than a chunk is held.
 */
export function createDemultiplexer(onBytes: OnBytes): (chunk: Buffer) => void {
  let header = Buffer.alloc(0);
  let left = 0;
  let stream: "stdout" | "stderr" = "stdout";
  return (chunk) => {
    let rest = chunk;
    while (rest.length > 0) {
      if (left === 0) {
        const needed = 8 - header.length;
        header = Buffer.concat([header, rest.subarray(0, needed)]);
        rest = rest.subarray(needed);
        if (header.length < 8) return;
        stream = header[0] === 2 ? "stderr" : "stdout";
        left = header.readUInt32BE(4);
        header = Buffer.alloc(0);
        continue;
      }
      const part = rest.subarray(0, left);
      rest = rest.subarray(part.length);
      left -= part.length;
      onBytes(part, stream);
    }
  };
}

/** Turns what an engine sends into lines of either stream. */
export function createLogReader(
  longestLine: number,
  onLine: (line: string, stream: "stdout" | "stderr") => void,
): { push(chunk: Buffer): void; end(): void } {
  const readers = {
    stdout: createLineReader(longestLine, (line) => onLine(line, "stdout")),
    stderr: createLineReader(longestLine, (line) => onLine(line, "stderr")),
  };
  return {
    push: createDemultiplexer((bytes, stream) => readers[stream].push(bytes)),
    end() {
      readers.stdout.end();
      readers.stderr.end();
    },
  };
}
