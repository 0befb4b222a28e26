/**
 * The demo: starts the bank, lets a client process send it tens of thousands of HTTP requests, and says whether
 * all the money is still there. `--help` lists the options.
 *
 * One file, three lives: the bank's main thread, each of its workers, and (with `--client`) the client process.
 * That is why all of it also runs as a single binary.
 *
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { isMainThread } from "node:worker_threads";
import { runtimeName } from "../mod.ts";
import { type Bank, bankOptionsOf, startBank } from "./bank/node.ts";
import type { Verdict } from "./demo/books.ts";
import { clientReport, speakAsClient } from "./demo/client_process.ts";
import { type DemoOptions, demoOptionsOf, USAGE } from "./demo/options.ts";
import { ProgressLine, tableOf } from "./demo/report.ts";
import { Saboteur } from "./demo/saboteur.ts";
import { watchWorkers } from "./demo/worker_watch.ts";

if (isMainThread) process.exitCode = await main(process.argv.slice(2));
else await openBank(); // never returns

/** In every thread the same: what the main thread has put into the environment, the workers find there. */
async function openBank(): Promise<Bank> {
  return await startBank({ ...bankOptionsOf(), entry: import.meta.url, kinds: [Saboteur] });
}

/** The exit code. */
async function main(args: readonly string[]): Promise<number> {
  let options: DemoOptions;
  try {
    options = demoOptionsOf(args);
  } catch (thrown) {
    console.error(messageOf(thrown));
    return 2;
  }
  if (options.client !== undefined) return await speakAsClient(options.client, options);
  if (!options.help) return await demo(options);
  console.log(USAGE);
  return 0;
}

async function demo(options: DemoOptions): Promise<number> {
  const folder = options.db === undefined ? mkdtempSync(join(tmpdir(), "troupe-bank-")) : undefined;
  process.env.BANK_DB = folder === undefined ? options.db : join(folder, "bank.db");
  process.env.BANK_PORT = `${options.port}`;
  if (options.workers !== undefined) process.env.BANK_WORKERS = `${options.workers}`;
  const { isOk, text } = await run(options).catch(failed);
  if (folder !== undefined) rmSync(folder, { recursive: true });
  console.log(`verdict: ${text}`);
  return isOk ? 0 : 1;
}

/** Opens the bank, runs the client, closes the bank. */
async function run(options: DemoOptions): Promise<Verdict> {
  await using bank = await openBank();
  console.log(
    `the bank listens on ${bank.url} (${runtimeName()}); a client process sends requests, seed ${options.seed}`,
  );
  const deaths = watchWorkers(bank.system);
  const line = new ProgressLine(options.requests);
  const kill = once(() => options.killWorker && bank.system.grain(Saboteur, "once").tell.crash());
  const { counts, verdict } = await clientReport(import.meta.url, bank.url, options, (sent) => {
    line.show(sent);
    if (sent >= options.requests / 2) kill();
  }).finally(() => line.end());
  console.log(tableOf(counts, await bank.system.stats(), deaths));
  return options.killWorker && deaths.length === 0 ? failed("no worker died") : verdict;
}

function failed(why: unknown): Verdict {
  return { isOk: false, text: `FAILED, ${messageOf(why)}` };
}

function once(act: () => unknown): () => void {
  let isDone = false;
  return () => {
    if (isDone) return;
    isDone = true;
    act();
  };
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
