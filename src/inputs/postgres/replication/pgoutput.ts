/**
 * Reads the messages of the output plug-in pgoutput, version 1 of its protocol, and leaves every value the text that
 * the server sent: https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html
 */

/** A value as text; `null`; or `undefined` for one that was stored aside, did not change, and was not sent. */
export type Tuple = readonly (string | null | undefined)[];

export interface Relation {
  readonly oid: string;
  readonly schema: string;
  readonly table: string;
  readonly columns: readonly { readonly name: string; readonly type: string; readonly isIdentity: boolean }[];
}

export type Message =
  /** `time` in microseconds since 2000. */
  | { readonly kind: "begin"; readonly position: bigint; readonly time: bigint; readonly transaction: number }
  | { readonly kind: "commit"; readonly end: bigint }
  | { readonly kind: "message"; readonly prefix: string; readonly text: string }
  | {
      readonly kind: "change";
      readonly operation: "i" | "u" | "d";
      readonly relation: Relation;
      readonly old: Tuple | null;
      /** Whether `old` has the columns of the replica identity only. */
      readonly oldIsKey: boolean;
      readonly new: Tuple | null;
    }
  | { readonly kind: "truncate"; readonly relations: readonly Relation[] }
  | { readonly kind: "other" };

export type Decoder = (bytes: Buffer) => Message;

/** A decoder of one stream: it remembers the relations that were described. */
export function createDecoder(): Decoder {
  const relations = new Map<number, Relation>();
  return (bytes) => {
    const reader = createReader(bytes);
    switch (reader.letter()) {
      case "B":
        return { kind: "begin", position: reader.int64(), time: reader.int64(), transaction: reader.int32() };
      case "C":
        reader.skip(9);
        return { kind: "commit", end: reader.int64() };
      case "M":
        reader.skip(9);
        return { kind: "message", prefix: reader.name(), text: reader.text(reader.int32()) };
      case "R": {
        const relation = readRelation(reader);
        relations.set(Number(relation.oid), relation);
        return { kind: "other" };
      }
      case "I":
      case "U":
      case "D":
        return readChange(bytes, reader, relations);
      case "T": {
        const count = reader.int32();
        reader.skip(1);
        return {
          kind: "truncate",
          relations: Array.from({ length: count }, () => known(relations, reader.int32())),
        };
      }
      default:
        return { kind: "other" };
    }
  };
}

function readRelation(reader: Reader): Relation {
  const oid = String(reader.int32());
  const schema = reader.name();
  const table = reader.name();
  reader.skip(1);
  const columns = Array.from({ length: reader.int16() }, () => {
    const isIdentity = (reader.byte() & 1) === 1;
    const name = reader.name();
    const type = String(reader.int32());
    reader.skip(4);
    return { name, type, isIdentity };
  });
  return { oid, schema: schema === "" ? "pg_catalog" : schema, table, columns };
}

function readChange(bytes: Buffer, reader: Reader, relations: ReadonlyMap<number, Relation>): Message {
  const operation = String.fromCharCode(bytes[0] as number).toLowerCase() as "i" | "u" | "d";
  const relation = known(relations, reader.int32());
  let old: Tuple | null = null;
  let now: Tuple | null = null;
  let oldIsKey = false;
  while (!reader.isAtEnd()) {
    const part = reader.letter();
    if (part === "N") now = readTuple(reader);
    else {
      oldIsKey = part === "K";
      old = readTuple(reader);
    }
  }
  return { kind: "change", operation, relation, old, oldIsKey, new: now };
}

function known(relations: ReadonlyMap<number, Relation>, oid: number): Relation {
  const relation = relations.get(oid);
  if (relation === undefined) throw new Error(`pgoutput: relation ${oid} was not described`);
  return relation;
}

function readTuple(reader: Reader): Tuple {
  return Array.from({ length: reader.int16() }, () => {
    const kind = reader.letter();
    if (kind === "n") return null;
    if (kind === "u") return undefined;
    return reader.text(reader.int32());
  });
}

interface Reader {
  byte(): number;
  letter(): string;
  int16(): number;
  int32(): number;
  int64(): bigint;
  /** Text that ends with a zero byte. */
  name(): string;
  text(length: number): string;
  skip(length: number): void;
  isAtEnd(): boolean;
}

function createReader(bytes: Buffer): Reader {
  let at = 0;
  const move = (length: number): number => {
    at += length;
    return at - length;
  };
  return {
    byte: () => bytes.readUInt8(move(1)),
    letter: () => String.fromCharCode(bytes.readUInt8(move(1))),
    int16: () => bytes.readUInt16BE(move(2)),
    int32: () => bytes.readUInt32BE(move(4)),
    int64: () => bytes.readBigUInt64BE(move(8)),
    name() {
      const end = bytes.indexOf(0, at);
      const text = bytes.toString("utf8", at, end);
      at = end + 1;
      return text;
    },
    text(length) {
      const from = move(length);
      return bytes.toString("utf8", from, at);
    },
    skip: (length) => void move(length),
    isAtEnd: () => at >= bytes.length,
  };
}
