/**
 * One node of the cluster scenarios, as a process: starts a system as its parent says, then does what the parent asks on
 * standard input, a line each, and answers on standard output. Ends when the parent is gone. The same file is its worker.
 *
 * @module
 */
import { createInterface } from "node:readline";
import process from "node:process";
import { isMainThread } from "node:worker_threads";
import { ActorSystem, staticDiscovery, type SystemOptions } from "../../mod.ts";
import { type Command, COMMANDS } from "./commands.ts";
import { KINDS } from "./kinds.ts";
import { decodeSettings, lineOf, type NodeSettings, requestIn } from "./node_lines.ts";
import { profileIfWanted } from "./profile.ts";

const SYSTEM = "bench";
const BASE: SystemOptions = { name: SYSTEM, entry: import.meta.url, kinds: KINDS, workers: 1 };

function optionsOf({ index, ports, profile }: NodeSettings): SystemOptions {
  const addresses = ports.map((port) => `127.0.0.1:${port}`);
  return {
    ...BASE,
    listen: { host: "127.0.0.1", port: ports[index] },
    cluster: {
      discovery: staticDiscovery({ addresses }),
      // All of them: a scenario begins when everybody is there.
      minimumPeersQuorum: ports.length,
      quorum: { seeds: addresses },
      replicaCount: Math.min(3, ports.length),
      bootstrapTimeoutMs: 30_000,
      profile,
    },
  };
}

async function main(): Promise<void> {
  // Without its parent nobody would ever stop this process.
  process.stdin.once("end", () => process.exit(1));
  const system = await ActorSystem.start(optionsOf(decodeSettings(process.argv[2] ?? "")));
  createInterface({ input: process.stdin }).on("line", (line) => void obey(system, line));
  console.log(lineOf({ id: 0, result: { pid: process.pid } }));
}

async function obey(system: ActorSystem, line: string): Promise<void> {
  const { id, command, argument } = requestIn(line);
  const run: Command | undefined = Object.hasOwn(COMMANDS, command) ? COMMANDS[command] : undefined;
  try {
    if (run === undefined) throw new Error(`Cannot obey: there is no command ${command}`);
    console.log(lineOf({ id, result: await run(system, argument) }));
  } catch (error) {
    console.log(lineOf({ id, error: error instanceof Error ? error.message : String(error) }));
  }
}

void profileIfWanted();
// A worker is only here for its kinds: its `start` never returns.
if (isMainThread) await main();
else await ActorSystem.start(BASE);
