import { post, segment } from "./api.ts";
import { refresh } from "./live.ts";
import { act } from "./parts/basics.tsx";

const DONE = { pause: "paused", resume: "resumed", restart: "restarted" } as const;

/** Pauses, resumes or restarts a component, and shows its new state at once. */
export async function steer(role: string, name: string, action: keyof typeof DONE): Promise<void> {
  const list = role === "input" ? "inputs" : "processes";
  await act(`${name} is ${DONE[action]}`, () => post(`${list}/${segment(name)}/${action}`));
  await refresh();
}
