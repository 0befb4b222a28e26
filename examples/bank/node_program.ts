/**
 * What a process of the clustered bank does: starts a node as its command line says, tells what it sees, and leaves in
 * good order when it is told to. Touches the process.
 *
 * @module
 */
import { once } from "node:events";
import process from "node:process";
import { createInterface } from "node:readline";
import { isMainThread } from "node:worker_threads";
import {
  type ActorSystem,
  type AnyKind,
  type EventType,
  runtimeName,
  sqliteStore,
  staticDiscovery,
  type TroupeEvent,
} from "../../mod.ts";
import { type Bank, startBank } from "./node.ts";
import { encodeLine, type NodeLine, type SeenEvent } from "./node_lines.ts";
import { KILL_WORKER } from "./node_orders.ts";
import { decodeSettings, type NodeSettings } from "./node_settings.ts";
import { Saboteur } from "./saboteur.ts";

/** Where the main thread leaves its command line for its workers: their own may be empty. */
const SETTINGS_VARIABLE = "BANK_NODE";
/** Milliseconds to found or find a cluster: three processes that start together on a busy machine take their time. */
const BOOTSTRAP_MS = 60_000;

/** What others may want to know. */
const EVENTS: readonly EventType[] = [
  "nodeJoined",
  "nodeLeaving",
  "nodeLeft",
  "leaderChanged",
  "relocationDone",
  "leaseFrozen",
  "leaseResumed",
  "nodeFenced",
  "partitionDataLoss",
  "claimLost",
  "workerLost",
  "workerReplaced",
];

/**
 * Runs a node until it is told to stop. In a worker it never returns.
 *
 * @param entry `import.meta.url` of the program, which workers run again.
 * @param kinds Kinds beside the bank's own.
 */
export async function runNode(entry: string, kinds: readonly AnyKind[] = []): Promise<void> {
  const settings = settingsHere();
  if (isMainThread && settings.hasParent) endWithParent();
  const bank = await openNode(settings, entry, [Saboteur, ...kinds]).catch(sayWhyNot); // a worker never gets past this
  const told = tellEvents(bank.system);
  if (settings.hasParent) obeyParent(bank.system);
  say({
    kind: "ready",
    url: bank.url,
    address: bank.system.node?.address ?? "",
    runtime: runtimeName(),
    atMs: Date.now(),
  });
  await Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);
  await bank[Symbol.asyncDispose]();
  await told;
  say({ kind: "stopped", atMs: Date.now() });
  // A parent may still hold standard input open, and that would keep the process.
  process.exit(0);
}

function sayWhyNot(thrown: unknown): never {
  const reason = thrown instanceof Error ? thrown.message : String(thrown);
  say({ kind: "failed", reason, atMs: Date.now() });
  process.exit(1);
}

function settingsHere(): NodeSettings {
  if (isMainThread) process.env[SETTINGS_VARIABLE] = JSON.stringify(process.argv.slice(2));
  const args: unknown = JSON.parse(process.env[SETTINGS_VARIABLE] ?? "[]");
  return decodeSettings(Array.isArray(args) ? args.map(String) : []);
}

async function openNode(settings: NodeSettings, entry: string, kinds: readonly AnyKind[]): Promise<Bank> {
  const { httpPort, clusterPort, seeds, db, workers, profile } = settings;
  return await startBank({
    entry,
    kinds,
    workers,
    store: sqliteStore({ path: db }),
    port: httpPort,
    listen: { host: "127.0.0.1", port: clusterPort },
    cluster: {
      discovery: staticDiscovery({ addresses: seeds }),
      // As many as must agree: a node that sees no other neither founds a cluster nor goes on alone.
      minimumPeersQuorum: Math.floor(seeds.length / 2) + 1,
      quorum: { seeds },
      replicaCount: Math.min(3, seeds.length),
      bootstrapTimeoutMs: BOOTSTRAP_MS,
      profile,
    },
  });
}

/** Says every event until the system has stopped. */
async function tellEvents(system: ActorSystem): Promise<void> {
  for await (const event of system.events({ types: EVENTS })) {
    say({ kind: "event", event: seenOf(event), atMs: Date.now() });
  }
}

function seenOf(event: TroupeEvent): SeenEvent {
  const { type } = event;
  const epoch = "epoch" in event ? event.epoch : undefined;
  switch (event.type) {
    case "nodeJoined":
    case "nodeLeaving":
      return { type, epoch, about: event.node.address, detail: "" };
    case "nodeLeft":
      return { type, epoch, about: event.node.address, detail: event.reason };
    case "leaderChanged":
      return { type, epoch, about: event.leader?.address, detail: `term ${event.term}` };
    case "relocationDone": {
      const { held, relocated, released } = event.report;
      return { type, epoch, about: event.node, detail: `${held} held, ${relocated} relocated, ${released} released` };
    }
    case "leaseResumed":
      return { type, epoch, about: undefined, detail: `${Math.round(event.gapMs)} ms` };
    case "nodeFenced":
      return { type, epoch, about: event.node, detail: event.reason };
    case "claimLost":
      return { type, epoch, about: event.key, detail: "" };
    default:
      return { type, epoch, about: undefined, detail: "" };
  }
}

/** Without its parent nobody would ever stop this process. */
function endWithParent(): void {
  process.stdin.once("end", () => process.exit(1));
  process.stdin.resume();
}

function obeyParent(system: ActorSystem): void {
  createInterface({ input: process.stdin }).on("line", (line) => {
    if (line !== KILL_WORKER) return;
    system.spawn(`saboteur-${process.pid}`, Saboteur).then((saboteur) => saboteur.tell.crash(), console.error);
  });
}

function say(line: NodeLine): void {
  console.log(encodeLine(line));
}
