/**
 * One node of a cluster in a process of its own: joins as its environment says, tells on standard output what it sees, and
 * does what the lines of its standard input say. Ends as soon as nobody holds its input open.
 *
 * @module
 */
import process from "node:process";
import { createInterface } from "node:readline";
import { setInterval } from "node:timers";
import { isMainThread } from "node:worker_threads";
import { ActorError, ActorSystem, type AnyRef, type EventType, sqliteStore, staticDiscovery } from "../../mod.ts";
import { KINDS } from "./node_kinds.ts";
import type { NodeLine, NodeOrder, NodeReport, NodeSettings, SeenFailure } from "./node_words.ts";
import { openRunLog } from "./run_log.ts";

/** What happens in a cluster. */
const FACTS: readonly EventType[] = [
  "nodeJoined",
  "nodeLeaving",
  "nodeLeft",
  "leaderChanged",
  "relocationStarted",
  "relocationProgress",
  "relocationDone",
  "relocationBlocked",
  "leaseFrozen",
  "leaseResumed",
  "nodeFenced",
  "partitionDataLoss",
  "claimLost",
  "foreignCluster",
];

/** Milliseconds between two looks at how late this thread is. */
const LOOK_MS = 20;

const settings: NodeSettings = JSON.parse(process.env["TROUPE_TEST_NODE"] ?? "{}");
openRunLog(settings.runsPath);
const lag = isMainThread ? watchLag() : undefined;
if (isMainThread) process.stdin.once("end", () => process.exit(1));

const system = await started(); // A worker never comes past this line.
if (system === undefined) process.exit(0);
const told = tellFacts(system);
const input = createInterface({ input: process.stdin });
input.on("line", (line) => void obey(system, JSON.parse(line)));
say({ line: "ready", atMs: Date.now(), report: reportOf(system) });

async function started(): Promise<ActorSystem | undefined> {
  const { cluster, port, advertisedPort, addresses, seeds, minimumPeersQuorum, secret, storePath } = settings;
  try {
    return await ActorSystem.start({
      name: cluster,
      entry: import.meta.url,
      kinds: KINDS,
      workers: 1,
      store: sqliteStore({ path: storePath }),
      partitionCount: settings.partitionCount,
      listen: { host: "127.0.0.1", port, advertise: { host: "127.0.0.1", port: advertisedPort } },
      ...(secret === undefined ? {} : { security: { secrets: [{ id: "test", value: secret }] } }),
      cluster: {
        discovery: staticDiscovery({ addresses }),
        minimumPeersQuorum,
        quorum: seeds === undefined ? "dynamic" : { seeds },
        roles: settings.roles,
        bootstrapTimeoutMs: settings.bootstrapTimeoutMs,
        profile: settings.profile,
      },
    });
  } catch (thrown) {
    say({ line: "refused", failure: failureOf(thrown) });
    return undefined;
  }
}

async function obey(on: ActorSystem, { id, ...order }: NodeOrder & { readonly id: number }): Promise<void> {
  const beganMs = performance.now();
  const tookMs = () => performance.now() - beganMs;
  try {
    const value = await perform(on, order);
    say({ line: "answer", id, tookMs: tookMs(), value });
  } catch (thrown) {
    say({ line: "failed", id, tookMs: tookMs(), failure: failureOf(thrown) });
  }
  if (order.do === "leave") await end();
}

async function perform(on: ActorSystem, order: NodeOrder): Promise<unknown> {
  switch (order.do) {
    case "ask": {
      const { to, kind, name, handler, args, timeoutMs } = order;
      const ref = to === "grain" ? on.grain(kindOf(kind), name) : on.actor(kindOf(kind), name);
      const { ask } = ref.with({ timeoutMs });
      const asked: unknown = Reflect.apply(Reflect.get(ask, handler), ask, args);
      return await asked;
    }
    case "spawn": {
      const { kind, name, placement, timeoutMs } = order;
      return (await on.spawnOn(name, kindOf(kind), { placement, timeoutMs })).node;
    }
    case "singleton":
      return (await on.singleton(order.name, kindOf(order.kind))).node;
    case "locate":
      return (await on.actorOf(order.name, kindOf(order.kind)))?.node ?? null;
    case "stop":
      return await on.stop(order.name);
    case "actors": {
      const node = on.members().find(({ id }) => id === order.node)?.id;
      return (await Array.fromAsync(on.actors({ node }))).map(({ key }: AnyRef) => key);
    }
    case "report":
      return reportOf(on);
    case "leave":
      return await on.stop();
    default:
      return order satisfies never;
  }
}

function kindOf(name: string) {
  const kind = KINDS.find((one) => one.name === name);
  if (kind === undefined) throw new ActorError("kind-unknown", `Cannot use ${name}: there is no such kind`);
  return kind;
}

function reportOf(on: ActorSystem): NodeReport {
  const { isReady, reasons } = on.health();
  return {
    id: on.node?.id ?? "",
    address: on.node?.address ?? "",
    members: on.members().map(({ id }) => id),
    leader: on.leader()?.id,
    isLeader: on.isLeader(),
    isReady,
    reasons,
    lagMs: lag?.takeMs() ?? 0,
    lagMsMax: lag?.maxMs() ?? 0,
  };
}

async function tellFacts(on: ActorSystem): Promise<void> {
  for await (const fact of on.events({ types: FACTS })) {
    if (isFact(fact)) say({ line: "event", atMs: Date.now(), fact });
  }
}

function isFact(event: { readonly type: EventType }): event is Extract<NodeLine, { line: "event" }>["fact"] {
  return FACTS.includes(event.type);
}

/** Standard input would keep the process. */
async function end(): Promise<void> {
  await told;
  input.close();
  process.stdin.destroy();
}

function watchLag(): { takeMs(): number; maxMs(): number } {
  let [dueMs, lagMs, maxMs] = [performance.now() + LOOK_MS, 0, 0];
  setInterval(() => {
    const nowMs = performance.now();
    lagMs = Math.max(lagMs, nowMs - dueMs);
    maxMs = Math.max(maxMs, lagMs);
    dueMs = nowMs + LOOK_MS;
  }, LOOK_MS).unref();
  return {
    takeMs: () => {
      const takenMs = Math.round(lagMs);
      lagMs = 0;
      return takenMs;
    },
    maxMs: () => Math.round(maxMs),
  };
}

function failureOf(thrown: unknown): SeenFailure {
  if (!(thrown instanceof ActorError)) return { code: "not-typed", fate: "unknown", message: String(thrown) };
  const { code, fate, message } = thrown;
  return { code, fate, message };
}

function say(line: NodeLine): void {
  console.log(JSON.stringify(line));
}
