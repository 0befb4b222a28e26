/**
 * Profiles a thread of a node when the environment says so, to see where its time goes:
 *
 * ```
 * BENCH_PROFILE=/tmp/profiles,12,4 deno task bench S5.tell --rounds 1 --without …
 * ```
 *
 * writes `<pid>-main.cpuprofile` and `<pid>-worker.cpuprofile` of 4 seconds, 12 after the thread's start, into an existing
 * folder. A node is ready 7 seconds after its start. Touches the clock and files; does nothing without the variable.
 *
 * @module
 */
import { writeFileSync } from "node:fs";
import inspector from "node:inspector";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { isMainThread } from "node:worker_threads";

const INTERVAL_MICROS = 200;

/** Begins to wait for the time to profile. */
export async function profileIfWanted(): Promise<void> {
  const [folder, afterSeconds = NaN, forSeconds = NaN] = process.env["BENCH_PROFILE"]?.split(",") ?? [];
  if (folder === undefined) return;
  await delay(Number(afterSeconds) * 1_000);
  const session = new inspector.Session();
  session.connect();
  await post(session, "Profiler.enable", {});
  await post(session, "Profiler.setSamplingInterval", { interval: INTERVAL_MICROS });
  await post(session, "Profiler.start", {});
  await delay(Number(forSeconds) * 1_000);
  const { profile } = await post(session, "Profiler.stop", {});
  const name = `${process.pid}-${isMainThread ? "main" : "worker"}.cpuprofile`;
  writeFileSync(join(folder, name), JSON.stringify(profile));
}

function post(session: inspector.Session, method: string, parameters: object): Promise<{ readonly profile?: unknown }> {
  return new Promise((resolve, reject) => {
    session.post(method, parameters, (error, result) => {
      if (error === null || error === undefined) resolve({ ...result });
      else reject(error);
    });
  });
}
