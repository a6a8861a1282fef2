import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { describe, test } from "vitest";
import type { InputContext } from "../../model/component.ts";
import { inputConformance, type InputSubject } from "../../testing/inputs/conformance.ts";
import { realClock } from "../../testing/real-clock.ts";
import { execInput } from "./index.ts";

/** Prints an event whenever it is told to over a socket, and says there how it was answered. */
const TELLER = `
  const socket = require("node:net").connect(Number(process.env.PORT), "127.0.0.1");
  socket.on("data", (part) => { for (const _ of String(part).trim().split("\\n")) console.log("{}"); });
  require("node:readline").createInterface({ input: process.stdin }).on("line", (line) => socket.write(line + "\\n"));
`;

async function teller(): Promise<InputSubject> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const made = execInput({
    name: "teller",
    argv: [process.execPath, "-e", TELLER],
    env: { PORT: String(port) },
  });
  let listens = false;
  let connected: Promise<Socket> | undefined;
  return {
    input: {
      ...made,
      async handle(context: InputContext) {
        listens = true;
        connected = once(server, "connection").then(([socket]) => socket as Socket);
        await made.handle(context).finally(() => (listens = false));
      },
    },
    async tell() {
      if (!listens || connected === undefined) throw new Error("nobody listens");
      const socket = await connected;
      const answers = createInterface({ input: socket });
      socket.write("tell\n");
      const [answer] = await Promise.race([
        once(answers, "line"),
        once(socket, "close").then(() => Promise.reject(new Error("it was not answered"))),
      ]);
      const { error } = JSON.parse(String(answer)) as { error?: { code: string } };
      if (error !== undefined) throw new Error(error.code);
    },
    context: { clock: realClock },
    close: () => void server.close(),
  };
}

describe("the input exec", () => {
  test.each(inputConformance({ create: teller, acknowledges: true }))("$name", ({ run }) => run());
});
