/**
 * What the demo prints: a line that moves, and a table. Pure but for {@link ProgressLine}, which writes.
 *
 * @module
 */
import process from "node:process";
import { runtimeName, type SystemStats } from "../../mod.ts";
import type { ClientCounts } from "./client_report.ts";
import type { Death } from "./worker_watch.ts";

/** Milliseconds between two lines where they stay on the screen or in a file. */
const LINE_MS = 3_000;

/** How far the client is: one line that is written over on a terminal, else a new one now and then. */
export class ProgressLine {
  readonly #planned: number;
  readonly #startMs = performance.now();
  #writtenMs = performance.now();

  constructor(planned: number) {
    this.#planned = planned;
  }

  show(sent: number): void {
    const nowMs = performance.now();
    const perSecond = sent / (nowMs - this.#startMs) * 1000;
    const text = `  ${count(sent)} of ${count(this.#planned)} requests, ${count(perSecond)} requests/s`;
    if (process.stdout.isTTY) {
      process.stdout.write(`\r\x1b[2K${text}`);
    } else if (nowMs - this.#writtenMs >= LINE_MS) {
      this.#writtenMs = nowMs;
      console.log(text);
    }
  }

  end(): void {
    if (process.stdout.isTTY) process.stdout.write("\r\x1b[2K");
  }
}

/** The table: what the client counted, then what the bank did. */
export function tableOf(counts: ClientCounts, stats: SystemStats, deaths: readonly Death[]): string {
  const rows: (readonly [string, string])[] = [
    ["runtime", `${runtimeName()}, ${threadsOf(stats)}`],
    ["requests", `${count(counts.requests)} in ${counts.seconds.toFixed(1)} s`],
    ["requests/s", count(counts.requests / counts.seconds)],
    ["latency", `p50 ${ms(counts.p50Ms)}, p99 ${ms(counts.p99Ms)}`],
    ["answers", `${count(counts.moved)} moved money, ${count(counts.refused)} refused, ${count(counts.reads)} reads`],
    ["unknown", `${count(counts.unknown)} requests, and ${count(counts.unavailable)} unavailable`],
    ["retries", `${count(counts.retries)}, each with the id of the first try`],
    ...stats.threads.map(actorsRow).filter((row) => row !== undefined),
    ["messages", `${count(stats.recordsAcross)} across threads, ${count(stats.messagesLocal)} within one`],
    ["dead letters", deadLettersOf(stats)],
    ...deaths.map(deathRow),
  ];
  if (deaths.length > 0) rows.push(["recovery", recoveryOf(counts)]);
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`).join("\n");
}

function threadsOf({ threads }: SystemStats): string {
  const workers = threads.length - 1;
  if (workers === 0) return "actors on the main thread";
  return `actors on ${workers} worker thread${workers === 1 ? "" : "s"}`;
}

function actorsRow({ thread, actors }: SystemStats["threads"][number]): readonly [string, string] | undefined {
  const kinds = Object.entries(actors);
  if (kinds.length === 0) return undefined;
  const sum = kinds.reduce((total, [, actorCount]) => total + actorCount, 0);
  const each = kinds.map(([kind, actorCount]) => `${count(actorCount)} ${kind}`).join(", ");
  return [`actors on ${thread === 0 ? "main" : `worker ${thread}`}`, `${count(sum)} in memory: ${each}`];
}

function deadLettersOf({ deadLetterCount, deadLetters }: SystemStats): string {
  const reasons = Object.entries(deadLetters).map(([reason, letters]) => `${count(letters)} ${reason}`);
  return [count(deadLetterCount), ...reasons.slice(0, 5)].join(", ");
}

function deathRow({ thread, reason, asksLost, replacedMs }: Death): readonly [string, string] {
  const replaced = replacedMs === undefined ? "not replaced" : `replaced after ${ms(replacedMs)}`;
  return [`worker ${thread} died`, `${reason}; ${count(asksLost)} asks unknown; ${replaced}`];
}

function recoveryOf({ interrupted, recoveryP50Ms, recoveryMaxMs }: ClientCounts): string {
  if (interrupted === 0) return "no customer noticed";
  return `${interrupted} accounts interrupted, next success after p50 ${ms(recoveryP50Ms)}, max ${ms(recoveryMaxMs)}`;
}

function count(number: number): string {
  return Math.round(number).toLocaleString("en-US");
}

function ms(milliseconds: number): string {
  return `${milliseconds.toFixed(1)} ms`;
}
