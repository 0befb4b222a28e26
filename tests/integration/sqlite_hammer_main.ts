/**
 * Runs `sqlite_hammer.ts` as a process of its own (`<file> <plan as JSON>`, starts at the first line of
 * stdin, a line of JSON a round) or as a worker thread (plan in `workerData`, starts at the first message,
 * a message a round).
 *
 * @module
 */
import process from "node:process";
import { isMainThread, parentPort, workerData } from "node:worker_threads";
import { hammer } from "./sqlite_hammer.ts";

if (isMainThread) {
  const plan = JSON.parse(process.argv[2] ?? "");
  const started = new Promise<void>((resolve) => process.stdin.once("data", () => resolve()));
  process.stdout.write("ready\n");
  await started;
  await hammer(plan, (round) => process.stdout.write(JSON.stringify(round) + "\n"));
  // Or an open stdin keeps the process alive on Deno, destroyed or not.
  process.stdout.write("", () => process.exit(0));
} else {
  parentPort?.once("message", async () => {
    await hammer(workerData, (round) => parentPort?.postMessage(round));
    parentPort?.postMessage("done");
  });
  parentPort?.postMessage("ready");
}
