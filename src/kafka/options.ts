import { resolve } from "node:path";
import { z } from "zod";
import { SluiceError } from "../model/errors.ts";
import { readSmallFile } from "../options/small-file.ts";
import type { KafkaClientOptions } from "./driver.ts";

/** How one logs in to the brokers. */
export interface SaslOptions {
  /** Defaults to `scram-sha-512`. */
  readonly mechanism?: "plain" | "scram-sha-256" | "scram-sha-512" | undefined;
  readonly username: string;
  readonly password: string;
}

/** How connections are encrypted. Files are PEM. */
export interface TlsOptions {
  /** Who may have signed the brokers' certificates. Defaults to the authorities that Node knows. */
  readonly ca?: string | undefined;
  /** Our own certificate and its key, for brokers that ask for one. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** What all components of Kafka need to reach it. */
export interface ConnectionOptions {
  /** `host:port` of some brokers, from which the others are learned. A port defaults to 9092. */
  readonly brokers: readonly string[];
  /** Defaults to none. */
  readonly sasl?: SaslOptions | undefined;
  /** `true`, or the files it needs. Defaults to no encryption. */
  readonly tls?: boolean | TlsOptions | undefined;
}

/** Longest time that a request may go without an answer: a silent broker is noticed then. */
const REQUEST_TIMEOUT = 20_000;
/** Bytes of the largest file that `tls` may name. */
const PEM_LIMIT = 1_000_000;

const BROKER = /^(?:[a-z0-9._-]+|\[[0-9a-f:]+\])(?::\d{1,5})?$/i;

const broker = z.string().regex(BROKER, "must be host:port");

const sasl = z
  .strictObject({
    mechanism: z.enum(["plain", "scram-sha-256", "scram-sha-512"]).optional(),
    username: z.string().min(1),
    password: z.string().min(1),
  })
  .optional()
  .describe("How one logs in: mechanism (defaults to scram-sha-512), username, password.");

const tls = z
  .union([
    z.boolean(),
    z
      .strictObject({
        ca: z.string().min(1).optional(),
        cert: z.string().min(1).optional(),
        key: z.string().min(1).optional(),
      })
      .refine(({ cert, key }) => (cert === undefined) === (key === undefined), {
        message: "cert and key belong together",
      }),
  ])
  .optional()
  .describe("true, or PEM files: ca, cert, key. Defaults to no encryption.");

/** The shape of {@link ConnectionOptions}, to be part of a kind's options. */
export const connectionShape: {
  readonly brokers: z.ZodType<readonly string[], readonly string[]>;
  readonly sasl: z.ZodOptional<z.ZodType<SaslOptions, SaslOptions>>;
  readonly tls: z.ZodOptional<z.ZodType<boolean | TlsOptions, boolean | TlsOptions>>;
} = {
  brokers: z.array(broker).min(1).describe("host:port of some brokers, from which the others are learned."),
  sasl,
  tls,
};

/** The name of a topic, as brokers allow it. */
export const topicName: z.ZodType<string, string> = z
  .string()
  .regex(/^(?!\.{1,2}$)[a-zA-Z0-9._-]{1,249}$/, "must be a name of a topic: letters, digits, . _ -");

/**
 * What every client is made with.
 *
 * @throws SluiceError INVALID_OPTIONS if a file cannot be read.
 */
export function clientOptions(
  options: ConnectionOptions,
  clientId: string,
  directory: string,
): KafkaClientOptions {
  return {
    clientId,
    bootstrapBrokers: options.brokers.map((name) => (/:\d+$/.test(name) ? name : `${name}:9092`)),
    requestTimeout: REQUEST_TIMEOUT,
    connectTimeout: 5_000,
    retries: 3,
    retryDelay: 500,
    ...(options.tls !== undefined && options.tls !== false && { tls: readTls(options.tls, directory) }),
    ...(options.sasl !== undefined && { sasl: saslOf(options.sasl) }),
  };
}

function saslOf({
  mechanism = "scram-sha-512",
  username,
  password,
}: SaslOptions): NonNullable<KafkaClientOptions["sasl"]> {
  return { mechanism: mechanism.toUpperCase() as "PLAIN", username, password };
}

function readTls(options: true | TlsOptions, directory: string): object {
  if (options === true) return {};
  const given = Object.entries(options).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.fromEntries(given.map(([option, file]) => [option, readPem(option, file, directory)]));
}

function readPem(option: string, file: string, directory: string): string {
  try {
    return readSmallFile(resolve(directory, file), PEM_LIMIT).toString("utf8");
  } catch (cause) {
    const why = (cause as Error).message;
    throw new SluiceError("INVALID_OPTIONS", `tls.${option}: ${file} cannot be read: ${why}`, { cause });
  }
}

/** Of a kind: `tls` in any form but a plain yes or no names files. */
export function readsLocal({ tls }: Readonly<Record<string, unknown>>): string | undefined {
  const isPlain = [undefined, true, false, "true", "false"].includes(tls as boolean);
  return isPlain ? undefined : "reads this machine's files if tls names some";
}

/** The dataset of a topic. One cluster is taken for another's if their components name other brokers. */
export function topicDataset({ brokers }: ConnectionOptions, topic: string): string {
  return `kafka://${brokers.toSorted().join(",")}/${topic}`;
}
