/**
 * The bank as a cluster to play with: starts three nodes, prints where they are and what to try, and leaves them running
 * until Ctrl-C. `--help` lists the options. Kill one of them and look at the others.
 *
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import type { SeenEvent } from "./bank/node_lines.ts";
import { Fleet } from "./demo/fleet.ts";
import { Interrupts } from "./demo/interrupts.ts";
import type { NodeChild } from "./demo/node_child.ts";
import { type DemoOptions, demoOptionsOf } from "./demo/options.ts";
import { NODE_ENTRY, programOn } from "./demo/programs.ts";

/** Milliseconds until a node that was killed begins again: long enough to see the others go on without it. */
const RESTART_MS = 15_000;
/** Milliseconds of one look at a node. */
const WATCH_MS = 3_600_000;

const USAGE = `Three nodes of a bank that run until Ctrl-C.

  --runtimes A,B,C   what each node runs on, deno or bun (default: what this runs on)
  --profile NAME     how soon a lost node is given up: default (7 s) or fast (3 s)
  --workers N        worker threads of each node, 0 to 64 (default 1)
  --port N           the first of six ports (default: free ones)
  --db PATH          keep the books in this file (default: a temporary one, removed at the end)
  --help             print this`;

process.exitCode = await main(process.argv.slice(2));

/** The exit code. */
async function main(args: readonly string[]): Promise<number> {
  let options: DemoOptions;
  try {
    options = demoOptionsOf(args);
  } catch (thrown) {
    console.error(messageOf(thrown));
    return 2;
  }
  if (options.help) {
    console.log(USAGE);
    return 0;
  }
  const folder = options.db === undefined ? mkdtempSync(join(tmpdir(), "troupe-bank-")) : undefined;
  try {
    return await runCluster(options, options.db ?? join(folder ?? tmpdir(), "bank.db"));
  } finally {
    if (folder !== undefined) rmSync(folder, { recursive: true });
  }
}

async function runCluster({ port, workers, profile, runtimes }: DemoOptions, db: string): Promise<number> {
  using interrupts = new Interrupts();
  const { signal } = interrupts;
  const programOf = (node: number, args: readonly string[]) => programOn(runtimes?.[node], NODE_ENTRY, args);
  const fleet = await Fleet.of({ programOf, port, db, workers, profile });
  try {
    console.log("three nodes begin; a new cluster serves when every lease of an earlier life is surely over");
    await fleet.start(signal);
    for (const text of guideTo(fleet.nodes)) console.log(text);
    for (const node of fleet.nodes) node.onEvent((event) => console.log(`${node.name} sees ${told(event, fleet)}`));
    await Promise.all(fleet.nodes.map((node) => keepRunning(node, signal)));
  } catch (thrown) {
    if (!signal.aborted) {
      console.error(messageOf(thrown));
      return 1;
    }
  } finally {
    console.log("three nodes stop");
    const killed = await fleet.end();
    console.log(killed.length === 0 ? "all have stopped in good order" : `${killed.join(" and ")} had to be killed`);
  }
  return 0;
}

/** Begins its next life when it was killed, until somebody stops everything. */
async function keepRunning(node: NodeChild, signal: AbortSignal): Promise<void> {
  for (;;) {
    await node.until(() => !node.isRunning, WATCH_MS, signal);
    if (node.isRunning) continue;
    console.log(`${node.name} has ended, and begins again in ${RESTART_MS / 1000} s at the same ports`);
    await delay(RESTART_MS, undefined, { signal });
    await node.start(signal);
    console.log(`${node.name} serves again, process ${node.pid}`);
  }
}

function told({ type, about, detail, epoch }: SeenEvent, fleet: Fleet): string {
  const words = [type, about && fleet.nameOf(about), detail, epoch && `in view ${epoch}`];
  return words.filter((word) => word !== undefined && word !== "").join(" ");
}

function guideTo(nodes: readonly NodeChild[]): readonly string[] {
  const [first, second, third] = nodes;
  return [
    ...nodes.map(({ name, url, address, pid }) =>
      `  ${name}  customers at ${url}, other nodes and health at http://${address}, process ${pid}`
    ),
    "try, in another terminal:",
    `  curl -d '{"id":"d1","amount":5000}' ${first?.url}/accounts/alice/deposits`,
    `  curl -d '{"id":"d2","amount":100}' ${second?.url}/accounts/bob/deposits`,
    `  curl -d '{"id":"t1","from":"alice","to":"bob","amount":1250}' ${third?.url}/transfers`,
    `  curl ${first?.url}/accounts/bob`,
    `  curl ${second?.url}/total`,
    `  curl ${third?.url}/cluster`,
    `  curl http://${first?.address}/livez http://${first?.address}/readyz http://${first?.address}/metrics`,
    `  kill -9 ${first?.pid}; curl ${second?.url}/cluster; sleep 7; curl ${second?.url}/cluster`,
    "Ctrl-C stops all of them in good order",
  ];
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
