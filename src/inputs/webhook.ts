import { untilAborted } from "../model/clock.ts";
import type { Input, InputContext } from "../model/component.ts";
import { DELIVERY_ID_RULE, isDeliveryId } from "../model/delivery-id.ts";
import { SluiceError } from "../model/errors.ts";
import { defineInput, type InputKind, type OptionWarning } from "../model/kind.ts";
import { tooShort } from "../net/signature.ts";
import { answerError, answerReceipt, isSendersFault } from "./webhook/answer.ts";
import { createAuthenticator, standardHeader } from "./webhook/authenticate.ts";
import { readBody } from "./webhook/body.ts";
import { createDecoder } from "./webhook/decode.ts";
import { webhookInputOptions, type ResolvedOptions, type WebhookInputOptions } from "./webhook/options.ts";

export type { PickedFields, WebhookInputOptions } from "./webhook/options.ts";

/**
 * Takes events by HTTP: our event JSON, CloudEvents 1.0, or any JSON object. Answers 202 once an event is durable, 200
 * for a delivery that was taken before. Deliveries are told apart by `webhook-id`, `X-GitHub-Delivery`, CloudEvents'
 * source and id, or `Idempotency-Key`, whichever comes first, and by the event's `uid`; never by the record's id.
 */
export const webhookInput: InputKind<WebhookInputOptions, ResolvedOptions, unknown> = defineInput({
  type: "webhook",
  summary: "Takes events by HTTP POST: event JSON, CloudEvents, or any JSON object; signed or not.",
  options: webhookInputOptions,
  secrets: ["secret", "secrets"],
  warnings: weakSecrets,
  create: createWebhookInput,
});

function weakSecrets({ secret, secrets = [], scheme }: ResolvedOptions): readonly OptionWarning[] {
  const make = scheme === "github" ? "openssl rand -hex 32" : 'echo "whsec_$(openssl rand -base64 32)"';
  const all = [
    ...(secret === undefined ? [] : [{ path: ["secret"], secret }]),
    ...secrets.map((one, index) => ({ path: ["secrets", index], secret: one })),
  ];
  return all.flatMap((one) => {
    const length = tooShort(one.secret, scheme);
    if (length === undefined) return [];
    const message = `a secret of ${length} bytes can be guessed; make one by \`${make}\`, give it to the sender, and say it by a variable: "\${env:WEBHOOK_SECRET}"`;
    return [{ code: "WEAK_SECRET", path: one.path, message }];
  });
}

function createWebhookInput(name: string, given: ResolvedOptions): Input {
  const { path, scheme } = given;
  const secrets = [...(given.secrets ?? []), ...(given.secret === undefined ? [] : [given.secret])];
  const authenticate = createAuthenticator(scheme, secrets);
  const decode = createDecoder({
    location: given.location ?? path,
    pick: given.pick,
    keepHeaders: given.keepHeaders ?? (scheme === "github" ? ["x-github-event"] : []),
  });
  const inFlight = new Set<Promise<Response>>();
  let current: InputContext | undefined;

  async function take(request: Request): Promise<Response> {
    if (request.method !== "POST") throw new SluiceError("METHOD_NOT_ALLOWED", "events are sent by POST");
    const { clock } = running();
    const verify = authenticate(request.headers, clock.now());
    const id = deliveryHeader(request.headers, secrets.length === 0 ? undefined : scheme);
    const body = await readBody(request);
    verify(body);
    const { event, delivery } = decode(request.headers, body);
    const dedupe =
      id ?? (delivery === undefined ? idempotencyKey(request.headers) : `cloudevents:${delivery}`);
    return answerReceipt(await running().emit(event, dedupe === undefined ? {} : { dedupe }));
  }

  function running(): InputContext {
    if (current !== undefined && !current.signal.aborted) return current;
    throw new SluiceError("NOT_RUNNING", `input "${name}" is not running now; send the event again later`);
  }

  async function answer(request: Request): Promise<Response> {
    try {
      return await take(request);
    } catch (error) {
      if (!isSendersFault(error)) {
        current?.log.error({ input: name, err: error }, "a webhook's event could not be kept");
      }
      return answerError(error);
    }
  }

  return {
    name,
    type: "webhook",
    path,
    announcesReady: true,
    async handle(context) {
      current = context;
      context.ready();
      await untilAborted(context.signal);
      if (current === context) current = undefined;
      await Promise.all(inFlight);
    },
    fetch(request) {
      const answering = answer(request);
      inFlight.add(answering);
      return answering.finally(() => inFlight.delete(answering));
    },
  };
}

/** The delivery's id as its sender names it; under a scheme only the header that the scheme knows counts. */
function deliveryHeader(headers: Headers, scheme: "standard" | "github" | undefined): string | undefined {
  const standard = scheme === "github" ? null : standardHeader(headers, "id");
  if (standard !== null) return `webhook-id:${checkDeliveryId(standard)}`;
  const github = scheme === "standard" ? null : headers.get("x-github-delivery");
  return github === null ? undefined : `github:${checkDeliveryId(github)}`;
}

function idempotencyKey(headers: Headers): string | undefined {
  const key = headers.get("idempotency-key");
  return key === null ? undefined : `idempotency-key:${checkDeliveryId(key)}`;
}

function checkDeliveryId(id: string): string {
  if (isDeliveryId(id)) return id;
  throw new SluiceError("BAD_REQUEST", `the id of a delivery must be ${DELIVERY_ID_RULE}`);
}
