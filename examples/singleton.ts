/**
 * A singleton: an actor of which the whole cluster runs one. It lives on the oldest node; when that one leaves or is
 * lost, it goes on elsewhere, with what it has stored. Three nodes in one process here, three machines elsewhere.
 *
 *     deno run -A examples/singleton.ts [first of three ports]
 *
 * @module
 */
import process from "node:process";
import { ActorSystem, kind, memoryStore, staticDiscovery } from "../mod.ts";

/** Gives every number once, whoever asks on whichever node. */
const Numbers = kind("numbers", {
  state: () => ({ last: 0 }),
  store: true,
  handlers: {
    async next(ctx): Promise<number> {
      ctx.state.last++;
      await ctx.save(); // under the token of this life: a former life could not save any more
      return ctx.state.last;
    },
  },
});

const port = Number(process.argv[2] ?? 7110);
const addresses = [port, port + 1, port + 2].map((each) => `127.0.0.1:${each}`);
const store = memoryStore(); // one for all nodes; between machines, a database

const nodes = await Promise.all(addresses.map((_, index) =>
  ActorSystem.start({
    name: "singleton",
    kinds: [Numbers],
    workers: 0,
    store,
    listen: { port: port + index },
    cluster: { discovery: staticDiscovery({ addresses }), minimumPeersQuorum: 2, profile: "fast" },
  })
));

// Every node asks for it, and gets a ref to the same one. Repeating that is safe.
const refs = await Promise.all(nodes.map((node) => node.singleton("numbers", Numbers)));
const [ref] = refs;
console.log(`one actor for three nodes: ${new Set(refs.map(({ node }) => node)).size === 1}`);
for (const each of refs) console.log(`number ${await each.ask.next()}`);

const home = nodes.find((node) => node.node?.id === ref?.node);
const [other] = nodes.filter((node) => node !== home);
await home?.stop(); // in good order: it hands over what it has
console.log("its node has left");

const moved = await other?.singleton("numbers", Numbers);
console.log(`it runs on another node: ${moved?.node !== ref?.node}`);
console.log(`number ${await moved?.ask.next()}`);

await Promise.all(nodes.map((node) => node.stop()));
