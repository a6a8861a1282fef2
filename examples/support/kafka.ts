import { spawn, type ChildProcess } from "node:child_process";
import { access, mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { randomBytes, randomUUID } from "node:crypto";
import { connect } from "node:net";
import { homedir, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "./free-port.ts";

const VERSION = "4.1.1";
/** Where the broker's programs are kept, across runs: 43 MB that Maven fetches once. */
const JARS = join(homedir(), ".cache", "sluice-test", `kafka-${VERSION}`);
/** Longest time that a broker may take to answer. */
const PATIENCE = 60_000;

export interface KafkaOptions {
  /** Users that may log in by SCRAM (256, 512) or in plain on the listener `saslBroker`. Defaults to none. */
  readonly users?: Readonly<Record<string, string>>;
  /** PEM text of a certificate with its key, for the listener `tlsBroker`. Defaults to none. */
  readonly tls?: {
    readonly certificate: string;
    readonly key: string;
    /** Who must have signed the clients' certificates. Defaults to asking for none. */
    readonly clientAuthority?: string;
  };
  /** Further settings, as in `server.properties`. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** A real Apache Kafka 4 broker on 127.0.0.1, in KRaft mode. It ends with this process, however that ends. */
export interface KafkaBroker extends AsyncDisposable {
  /** `host:port` without encryption or log-in. */
  readonly broker: string;
  readonly saslBroker: string;
  readonly tlsBroker: string;
  /** Ends it (`KILL`: as a crash would) and starts it again on the same data and ports. */
  restart(signal?: "TERM" | "KILL"): Promise<void>;
  /** Ends it, to be started by `start`. */
  halt(signal?: "TERM" | "KILL"): Promise<void>;
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a broker. @throws Error if Java is missing, or the programs cannot be had. */
export async function startKafka(options: KafkaOptions = {}): Promise<KafkaBroker> {
  await fetchKafka();
  // Somebody else may take a port between the moment when it is found free and the broker's start.
  return startOnFreePorts(options).catch(() => startOnFreePorts(options));
}

async function startOnFreePorts(options: KafkaOptions): Promise<KafkaBroker> {
  const directory = await mkdtemp(join(tmpdir(), "sluice-kafka-"));
  const [plain = 0, controller = 0, sasl = 0, tls = 0] = await freePorts(4);
  const properties = join(directory, "server.properties");
  const settings = settingsFor(options, join(directory, "data"), { plain, controller, sasl, tls });
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
  await writeFile(properties, lines.join(""));
  const users = Object.entries(options.users ?? {}).flatMap(([name, password]) =>
    ["SCRAM-SHA-256", "SCRAM-SHA-512"].flatMap((mechanism) => [
      "--add-scram",
      `${mechanism}=[name=${name},password=${password}]`,
    ]),
  );
  const id = randomBytes(16).toString("base64url");
  let guard: ChildProcess | undefined;
  const start = async (): Promise<void> => {
    guard ??= startGuard([properties], directory);
    await untilItListens(plain, guard, directory);
  };
  const halt = async (signal: "TERM" | "KILL" = "TERM"): Promise<void> => {
    const running = guard;
    guard = undefined;
    if (running !== undefined) await endGuard(running, signal);
  };
  const stop = async (): Promise<void> => {
    await halt("KILL");
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await format(["format", "--standalone", "-t", id, "-c", properties, ...users], directory);
    await start();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    broker: `127.0.0.1:${plain}`,
    saslBroker: `127.0.0.1:${sasl}`,
    tlsBroker: `127.0.0.1:${tls}`,
    async restart(signal) {
      await halt(signal);
      await start();
    },
    halt,
    start,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Has Maven fetch the broker's programs, unless they are there. */
export async function fetchKafka(): Promise<void> {
  await access(JARS).catch(async () => {
    const draft = `${JARS}.${randomUUID()}`;
    await mkdir(draft, { recursive: true });
    try {
      const dependency = `<groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${VERSION}</version>`;
      await writeFile(
        join(draft, "pom.xml"),
        `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>` +
          `<groupId>local</groupId><artifactId>broker</artifactId><version>1</version>` +
          `<dependencies><dependency>${dependency}</dependency></dependencies></project>`,
      );
      const goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=."];
      await runToEnd("mvn", ["-q", "-B", ...goal], draft);
      await rename(draft, JARS);
    } finally {
      await rm(draft, { recursive: true, force: true });
    }
  });
}

interface Ports {
  readonly plain: number;
  readonly controller: number;
  readonly sasl: number;
  readonly tls: number;
}

function settingsFor(options: KafkaOptions, data: string, ports: Ports): Record<string, string> {
  const listeners = [`PLAINTEXT://127.0.0.1:${ports.plain}`, `CONTROLLER://127.0.0.1:${ports.controller}`];
  if (options.users !== undefined) listeners.push(`SASL://127.0.0.1:${ports.sasl}`);
  if (options.tls !== undefined) listeners.push(`TLS://127.0.0.1:${ports.tls}`);
  const scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;";
  return {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.quorum.bootstrap.servers": `127.0.0.1:${ports.controller}`,
    listeners: listeners.join(","),
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_PLAINTEXT,TLS:SSL",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "log.dirs": data,
    "num.partitions": "3",
    "auto.create.topics.enable": "false",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    // After a crash, the broker may come back once its old self is given up.
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "500",
    ...(options.users !== undefined && {
      "sasl.enabled.mechanisms": "SCRAM-SHA-256,SCRAM-SHA-512,PLAIN",
      "listener.name.sasl.scram-sha-256.sasl.jaas.config": scram,
      "listener.name.sasl.scram-sha-512.sasl.jaas.config": scram,
      "listener.name.sasl.plain.sasl.jaas.config": plainLogin(options.users),
    }),
    ...(options.tls !== undefined && {
      "ssl.keystore.type": "PEM",
      "ssl.keystore.certificate.chain": onOneLine(options.tls.certificate),
      "ssl.keystore.key": onOneLine(options.tls.key),
      ...(options.tls.clientAuthority !== undefined && {
        "ssl.truststore.type": "PEM",
        "ssl.truststore.certificates": onOneLine(options.tls.clientAuthority),
        "ssl.client.auth": "required",
      }),
    }),
    ...options.settings,
  };
}

function plainLogin(users: Readonly<Record<string, string>>): string {
  const known = Object.entries(users).map(([name, password]) => `user_${name}="${password}"`);
  return `org.apache.kafka.common.security.plain.PlainLoginModule required ${known.join(" ")};`;
}

/** A value of a properties file goes on in the next line after a backslash. */
function onOneLine(pem: string): string {
  return pem.trim().replaceAll("\n", " \\\n");
}

const CLASS_PATH = [join(JARS, "*")].join(delimiter);
const JAVA = ["-Xmx320m", "-Xms128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", CLASS_PATH];

async function format(argv: readonly string[], directory: string): Promise<void> {
  await runToEnd("java", [...JAVA, "kafka.tools.StorageTool", ...argv], directory);
}

async function runToEnd(command: string, argv: readonly string[], cwd: string): Promise<void> {
  const child = spawn(command, argv, { cwd, stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (said += String(chunk)));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", (cause) => reject(new Error(`${command} cannot be started`, { cause })));
    child.once("close", resolve);
  });
  if (code !== 0) throw new Error(`${command} ended with ${code}: ${said.slice(-1_000)}`);
}

/**
 * A shell that waits for a line that names a signal, and ends the broker by it. The end of its input comes when we die,
 * whatever the way: then it removes the broker's folder as well.
 */
function startGuard(argv: readonly string[], directory: string): ChildProcess {
  const script = `
    cd "$1"; shift
    java "$@" >server.log 2>&1 </dev/null & pid=$!
    read -r how; last=$?
    kill -"\${how:-KILL}" "$pid" 2>/dev/null
    { sleep 15; kill -KILL "$pid"; } >/dev/null 2>&1 & killer=$!
    wait "$pid" 2>/dev/null
    kill "$killer" 2>/dev/null
    [ $last -eq 0 ] || rm -rf "$PWD"`;
  const guard = spawn("sh", ["-c", script, "sh", directory, ...JAVA, "kafka.Kafka", ...argv], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
    cwd: "/",
  });
  guard.unref();
  (guard.stdin as unknown as { unref(): void }).unref();
  return guard;
}

function endGuard(guard: ChildProcess, signal: string): Promise<void> {
  if (guard.exitCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    guard.ref();
    guard.once("exit", () => resolve());
    guard.stdin?.end(`${signal}\n`);
  });
}

async function untilItListens(port: number, guard: ChildProcess, directory: string): Promise<void> {
  const deadline = Date.now() + PATIENCE;
  while (!(await listens(port))) {
    if (guard.exitCode !== null || Date.now() > deadline) {
      const log = await readFile(join(directory, "server.log"), "utf8").catch(() => "");
      throw new Error(`Kafka did not start on port ${port}: ${log.slice(-2_000)}`);
    }
    await sleep(50);
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

async function freePorts(count: number): Promise<readonly number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await freePort());
  return [...ports];
}
