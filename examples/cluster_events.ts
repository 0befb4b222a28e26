/**
 * What a node sees of its cluster: an event for every node that joins, says that it goes, and is gone, in the order of
 * the views; and its own health. Three nodes in one process here, three machines elsewhere.
 *
 *     deno run -A examples/cluster_events.ts [first of three ports]
 *
 * @module
 */
import process from "node:process";
import { ActorSystem, kind, staticDiscovery } from "../mod.ts";

const Idle = kind("idle", { handlers: { wait: () => undefined } });

const port = Number(process.argv[2] ?? 7130);
const addresses = [port, port + 1, port + 2].map((each) => `127.0.0.1:${each}`);
const names = new Map(["alpha", "beta", "gamma"].map((name, index) => [addresses[index], name]));

function start(index: number): Promise<ActorSystem> {
  return ActorSystem.start({
    name: "events",
    kinds: [Idle],
    workers: 0,
    listen: { port: port + index },
    cluster: { discovery: staticDiscovery({ addresses }), minimumPeersQuorum: 2, profile: "fast" },
  });
}

const [alpha, beta] = await Promise.all([start(0), start(1)]);
const nameOf = (node: { readonly address: string } | undefined) => names.get(node?.address ?? "") ?? "nobody";

// A subscription is bounded: who reads too slowly is told how much was lost, and holds nobody up.
const events = alpha.events({ types: ["nodeJoined", "nodeLeaving", "nodeLeft"] });
const told = (async () => {
  for await (const event of events) {
    if (!("node" in event) || typeof event.node !== "object") continue;
    const reason = event.type === "nodeLeft" ? `, ${event.reason}` : "";
    console.log(`alpha sees ${event.type}: ${nameOf(event.node)}${reason}`);
  }
})();

const gamma = await start(2);
console.log(`alpha knows ${alpha.members().map(nameOf).sort().join(", ")}`);
const leader = nameOf(alpha.leader());
console.log(`they agree on a leader: ${[beta, gamma].every((node) => nameOf(node.leader()) === leader)}`);
console.log(`alpha is ready: ${alpha.health().isReady}`);

await gamma.stop();
console.log(`alpha knows ${alpha.members().map(nameOf).sort().join(", ")}`);
await Promise.all([alpha.stop(), beta.stop()]);
await told; // the stream ends with its system
