/** Finds a value in a JSON document. */
export type Pointer = (document: unknown) => unknown;

const POINTER = /^(?:\/(?:[^~/]|~[01])*)*$/;

/** Whether the text is a JSON Pointer (RFC 6901). */
export function isPointer(text: string): boolean {
  return POINTER.test(text);
}

/** `undefined` is found where the document has nothing. */
export function compilePointer(text: string): Pointer {
  const steps = text
    .split("/")
    .slice(1)
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
  return (document) => {
    let value: unknown = document;
    for (const step of steps) {
      if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined;
      value = (value as Record<string, unknown>)[step];
    }
    return value;
  };
}
