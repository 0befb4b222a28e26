/**
 * Where actors run: nodes have roles, kinds and spawns ask for them, and among the nodes that fit a placement chooses.
 * Three nodes in one process here, three machines elsewhere.
 *
 *     deno run -A examples/roles_and_placement.ts [first of three ports]
 *
 * @module
 */
import process from "node:process";
import { ActorError, ActorSystem, kind, staticDiscovery } from "../mod.ts";

/** Grains of this kind run on nodes with a graphics card only, on each of them in turn. */
const Picture = kind("picture", {
  role: "gpu",
  placement: "round-robin",
  state: () => ({ strokes: 0 }),
  handlers: {
    paint(ctx): number {
      return ++ctx.state.strokes;
    },
  },
});

/** Runs wherever it is spawned. */
const Session = kind("session", {
  handlers: {
    hello: (_ctx, name: string): string => `hello ${name}`,
  },
});

const roles = [["web"], ["gpu"], ["gpu", "large"]];
const port = Number(process.argv[2] ?? 7120);
const addresses = roles.map((_, index) => `127.0.0.1:${port + index}`);

const nodes = await Promise.all(roles.map((each, index) =>
  ActorSystem.start({
    name: "roles",
    kinds: [Picture, Session],
    workers: 0,
    listen: { port: port + index },
    cluster: { discovery: staticDiscovery({ addresses }), roles: each, minimumPeersQuorum: 3, profile: "fast" },
  })
));
const [web, small, large] = nodes;
if (web === undefined || small === undefined || large === undefined) throw new Error("there are three nodes");

/** The roles of the node with this id. */
function rolesOf(id: string | undefined): string {
  return web?.members().find((member) => member.id === id)?.roles.join(" and ") ?? "nowhere";
}

/** How many pictures run on `node`. */
async function picturesOn(node: ActorSystem): Promise<number> {
  let count = 0;
  for await (const _ of node.actors({ kind: Picture, node: node.node?.id })) count++;
  return count;
}

// A grain begins with its first message, on a node that has what its kind asks for.
for (let number = 1; number <= 8; number++) await web.grain(Picture, `picture-${number}`).ask.paint();
const withGpu = await picturesOn(small) + await picturesOn(large);
console.log(`pictures: ${withGpu} on the two nodes with gpu, ${await picturesOn(web)} on the other`);

// A spawned actor is placed by whoever spawns it: where he is, by role, or by a function of his.
const local = await web.spawn("visit-1", Session);
console.log(`spawn: on ${rolesOf(local.node)}`);
const byRole = await web.spawnOn("visit-2", Session, { role: "large" });
console.log(`spawnOn a role: on ${rolesOf(byRole.node)}, says ${await byRole.ask.hello("ann")}`);
const byFunction = await web.spawnOn("visit-3", Session, {
  placement: (candidates) =>
    candidates.find((node) => !node.roles.includes("web") && !node.roles.includes("large"))?.id,
});
console.log(`spawnOn a function: on ${rolesOf(byFunction.node)}, says ${await byFunction.ask.hello("bob")}`);

// Names are unique in the cluster, and a role that nobody has is an error, not a wait.
for (
  const attempt of [() => small.spawn("visit-1", Session), () => web.spawnOn("visit-4", Session, { role: "tape" })]
) {
  const code = await attempt().then(
    () => "none",
    (thrown) => thrown instanceof ActorError ? thrown.code : String(thrown),
  );
  console.log(`error: ${code}`);
}

await Promise.all(nodes.map((node) => node.stop()));
