import { existsSync } from "node:fs";
import type { Command } from "commander";
import { findOwnerSocket } from "../http/owner-socket.ts";
import { isSluiceError, SluiceError } from "../model/errors.ts";
import { createClient, type Client } from "./client.ts";
import { locate, type Place, type Target } from "./locate.ts";
import { overNetwork, overSocket } from "./transport.ts";

/** Adds what every command takes that talks to a pipeline. */
export function withTarget(command: Command): Command {
  return command
    .option("--config <file>", "the pipeline's config file (default: sluice.toml)")
    .option("--journal <location>", "its journal: sqlite:PATH, or the path")
    .option("--url <url>", "its API, such as http://127.0.0.1:8787")
    .option("--token <token>", "the API's token (default: that of the config file, or $SLUICE_TOKEN)");
}

/**
 * Finds the pipeline and does something with it, then lets go of it.
 *
 * @throws SluiceError NOTHING_TO_TALK_TO
 */
export async function withClient(target: Target, use: (client: Client) => Promise<void>): Promise<void> {
  const client = await connect(await locate(target));
  try {
    await use(client);
  } finally {
    await client.close();
  }
}

/** In this order: the owner's socket beside the journal, the URL, the journal itself. */
async function connect(place: Place): Promise<Client> {
  const client = (await connectToOwner(place)) ?? (await connectToUrl(place)) ?? (await openJournal(place));
  if (client !== undefined) return client;
  throw new SluiceError("NOTHING_TO_TALK_TO", explain(place));
}

async function connectToOwner({ journal }: Place): Promise<Client | undefined> {
  const socket = journal === undefined ? undefined : await findOwnerSocket(journal);
  if (socket === undefined) return undefined;
  return createClient({ where: `socket ${socket}`, fetch: overSocket(socket), isOwner: true });
}

async function connectToUrl({ url, isUrlSaid, token, name }: Place): Promise<Client | undefined> {
  if (url === undefined) return undefined;
  const fetch = overNetwork();
  try {
    await (await fetch(new Request(`${url.replace(/\/+$/, "")}/healthz`))).text();
  } catch {
    return undefined;
  }
  const client = createClient({ where: url, url, fetch, token });
  if (isUrlSaid || name === undefined) return client;
  // Another pipeline may have the address that the config file of this one names.
  return (await isNamed(client, name)) ? client : undefined;
}

async function isNamed(client: Client, name: string): Promise<boolean> {
  try {
    return (await client.get<{ name: string }>("pipeline")).name === name;
  } catch (error) {
    if (isSluiceError(error, "NETWORK") || isSluiceError(error, "NOT_FOUND")) return false;
    throw error;
  }
}

async function openJournal(place: Place): Promise<Client | undefined> {
  const { journal } = place;
  if (journal === undefined || !existsSync(journal)) return undefined;
  const [{ openStopped }, { createApi }] = await Promise.all([
    import("./stopped.ts"),
    import("../http/api.ts"),
  ]);
  const pipeline = await openStopped(journal, place);
  const api = createApi(pipeline, { owner: true });
  return createClient({
    where: `journal ${journal}`,
    fetch: async (request) => api.fetch(request),
    isStopped: true,
    close: async () => pipeline.close(),
  });
}

function explain({ journal, url }: Place): string {
  if (journal === undefined && url === undefined) {
    return "there is no sluice.toml here; name the pipeline by --config, --journal or --url";
  }
  const places = [
    url === undefined ? [] : `nothing answers at ${url}`,
    journal === undefined ? [] : `there is no journal ${journal}`,
  ];
  return `${places.flat().join(", and ")}; start the pipeline with "sluice run"`;
}
