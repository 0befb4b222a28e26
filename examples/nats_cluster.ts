/**
 * Nodes that find each other through NATS: nobody knows an address beforehand, each takes a free port. Starts a
 * `nats-server` of its own for the while, and says so when there is none on the PATH.
 *
 *     deno run -A examples/nats_cluster.ts [port for the server]
 *
 * @module
 */
import { spawn, spawnSync } from "node:child_process";
import { connect } from "node:net";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { natsDiscovery } from "../discovery/nats.ts"; // in the package: "@troupe/troupe/nats"
import { ActorSystem, kind } from "../mod.ts";

const Greeter = kind("greeter", {
  handlers: {
    greet: (_ctx, whom: string): string => `hello ${whom}`,
  },
});

/** Milliseconds until a server that does not listen is given up. */
const LISTEN_MS = 5_000;

const port = Number(process.argv[2] ?? 7140);
if (spawnSync("nats-server", ["--version"]).error !== undefined) {
  console.log("there is no nats-server on the PATH, and this example needs one");
} else {
  const server = spawn("nats-server", ["--addr", "127.0.0.1", "--port", `${port}`], { stdio: "ignore" });
  const ended = new Promise((resolve) => server.once("close", resolve));
  try {
    await untilItListens();
    await greetAcross();
  } finally {
    if (server.pid !== undefined && server.exitCode === null) process.kill(server.pid, "SIGTERM");
    await ended;
  }
}

async function greetAcross(): Promise<void> {
  const [first, second] = await Promise.all([start(), start()]);
  console.log(`nodes that found each other: ${first.members().length}`);
  await second.spawn("greeter", Greeter);
  const greeter = await first.remoteActor("greeter", Greeter);
  console.log(`the other node says: ${await greeter?.ask.greet("from over there")}`);
  await Promise.all([first.stop(), second.stop()]);
}

function start(): Promise<ActorSystem> {
  const discovery = natsDiscovery({ servers: `nats://127.0.0.1:${port}` });
  const cluster = { discovery, minimumPeersQuorum: 2, profile: "fast" } as const;
  return ActorSystem.start({ name: "greetings", kinds: [Greeter], workers: 0, cluster });
}

async function untilItListens(): Promise<void> {
  const endMs = Date.now() + LISTEN_MS;
  while (!await isListening()) {
    if (Date.now() > endMs) throw new Error(`the nats-server does not listen on port ${port}`);
    await delay(20);
  }
}

function isListening(): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => resolve(true)).on("error", () => resolve(false));
    socket.once("connect", () => socket.end());
  });
}
