/**
 * Failures on demand, for tests: an option of the driver hands an `Int32Array` over shared memory to the writer
 * thread, which looks at these points. The array is: which point, which failure, how many passes come first.
 */
export const FAULT_POINTS = ["none", "begin", "write", "commit", "committed", "read"] as const;
export type FaultPoint = (typeof FAULT_POINTS)[number];

export const FAULT_KINDS = ["none", "full", "io", "die"] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** Makes the next pass of `point` fail, after `skip` passes that do not. */
export function armFault(faults: Int32Array, point: FaultPoint, kind: FaultKind, skip = 0): void {
  Atomics.store(faults, 1, FAULT_KINDS.indexOf(kind));
  Atomics.store(faults, 2, skip);
  Atomics.store(faults, 0, FAULT_POINTS.indexOf(point));
}

export function createFaults(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(12));
}

/** Called by the writer at each point. */
export function passFault(faults: Int32Array | undefined, point: FaultPoint): void {
  if (faults === undefined || Atomics.load(faults, 0) !== FAULT_POINTS.indexOf(point)) return;
  if (Atomics.sub(faults, 2, 1) > 0) return;
  Atomics.store(faults, 0, 0);
  const kind = FAULT_KINDS[Atomics.load(faults, 1)];
  if (kind === "die") process.kill(process.pid, "SIGKILL");
  const errcode = kind === "full" ? 13 : 10;
  throw Object.assign(new Error(`injected failure at ${point}: ${kind}`), { errcode });
}
