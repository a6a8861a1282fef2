import { workspace, type Workspace } from "../support/cli.ts";

/** A pipeline with the webhook `/in` and the process `out`, which does nothing. */
export function hookWorkspace(retention = ""): Workspace {
  const place = workspace(`${retention}
[http]
listen = "127.0.0.1:0"
[[input]]
name = "in"
type = "webhook"
path = "/in"
auth = "none"
[[process]]
name = "out"
type = "function"
module = "./out.ts"
on = "in"
`);
  place.write("out.ts", "export default () => {};");
  return place;
}

/** Delivers one event; answers the status and, if it was taken, its uid. */
export async function deliver(
  http: unknown,
  id: number,
  data: unknown = null,
): Promise<{ status: number; uid?: string; code?: string }> {
  const answer = await fetch(`${String(http)}/in`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ location: "orders", operation: "create", id: String(id), data }),
  });
  return { status: answer.status, ...((await answer.json()) as object) };
}
