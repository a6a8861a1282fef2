import { SluiceError } from "../model/errors.ts";

/** The state of a component is not the one that its writer has seen. */
export function stateConflict(owner: string, key: string, wanted: number, found: number): SluiceError {
  const is = found === 0 ? "there is none" : `it is at version ${found}`;
  const expected = wanted === 0 ? "none was expected" : `version ${wanted} was expected`;
  return new SluiceError(
    "STATE_CONFLICT",
    `state ${JSON.stringify(key)} of "${owner}" was changed by another: ${expected}, ${is}; read it again`,
    { details: { owner, key, wanted, found } },
  );
}
