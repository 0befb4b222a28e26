/**
 * What actors of all nodes of a cluster do, in one file, and whether they did it one at a time.
 *
 * One idea: every process appends to the same file, a line a call, and the operating system puts them one behind the other.
 * So the order of the lines is the order in which things happened, whatever any clock says; and a line that was written
 * stays, however its process ends.
 *
 * Touches that file.
 *
 * @module
 */
import { appendFileSync, closeSync, openSync, readFileSync, writeSync } from "node:fs";
import process from "node:process";
import { setImmediate } from "node:timers";
import { threadId } from "node:worker_threads";

/**
 * What a line says of a run: it has begun; it waits for a promise; it goes on, because the runtime resumed it; it has ended.
 * Between `begins` or `resumes` and the next `waits` or `ends` it keeps its thread.
 */
export type RunMoment = "begins" | "waits" | "resumes" | "ends";

/** One line. */
export interface RunLine {
  readonly moment: RunMoment;
  readonly key: string;
  /** The activation: its fencing token, or where the kind is not stored a name it gave itself. */
  readonly activation: string;
  /** Which run of it. */
  readonly run: number;
  /** What was asked for, if it has a name. */
  readonly attempt: string;
  readonly pid: number;
  /** Thread and number of the stretch of its event loop: lines with the same one have nothing but code between them. */
  readonly stretch: string;
  /** For people. */
  readonly atMs: number;
}

/** A process that did not run for a while: it was stopped, or killed, which lasts for ever. By the test's wall clock. */
export interface Standstill {
  readonly pid: number;
  readonly fromMs: number;
  readonly untilMs: number;
}

// --- written by actors ------------------------------------------------------------------------------

let file = -1;
let runs = 0;
let stretch = 0;
let isStretchOpen = false;

/** Where this thread's actors write. */
export function openRunLog(path: string): void {
  if (file >= 0) closeSync(file);
  file = openSync(path, "a");
}

/** A number for a run. */
export function nextRun(): number {
  return ++runs;
}

/** Writes a line, in one call. */
export function logRun(moment: RunMoment, key: string, activation: string, run: number, attempt = ""): void {
  if (file < 0) return;
  const line: RunLine = {
    moment,
    key,
    activation,
    run,
    attempt,
    pid: process.pid,
    stretch: stretchNow(),
    atMs: Date.now(),
  };
  writeSync(file, JSON.stringify(line) + "\n");
}

function stretchNow(): string {
  if (!isStretchOpen) {
    isStretchOpen = true;
    setImmediate(() => {
      stretch++;
      isStretchOpen = false;
    });
  }
  return `${threadId}.${stretch}`;
}

// --- read by the test -------------------------------------------------------------------------------

/** Milliseconds within which a process that is sent the signal has certainly halted, on a busy machine too. No hold is so short. */
const HALT_MS = 2_000;

/** No stretch goes on for so many milliseconds: what has its number later is of another worker of that process. */
const STRETCH_MS = 2_400;

/** Makes the file. */
export function createRunLog(path: string): void {
  appendFileSync(path, "");
}

/** Every line so far. One that was cut short, by a kill in the middle of the call, is left out. */
export function readRunLog(path: string): readonly RunLine[] {
  return readFileSync(path, "utf8").split("\n").flatMap((text) => {
    if (!text.startsWith("{") || !text.endsWith("}")) return [];
    return [JSON.parse(text) as RunLine];
  });
}

/**
 * Everything that is wrong with `lines`, as sentences. What is looked at, for each key, in the order of the lines:
 *
 * - no run of an activation begins or resumes after a run of a later one has begun: the activations of a key follow each
 *   other, and where they are fencing tokens they grow;
 * - no run begins or resumes while one of another activation keeps its thread;
 * - no run begins or resumes while another run of its own activation keeps its thread.
 *
 * One thing is excused, by the assumption of G3 that no stretch of code lasts longer than 0.4 of a lease: what belongs to
 * a stretch of an event loop in the middle of which its process was held. There a run may end late, and one may begin: the
 * one that was let through just before.
 *
 * @param standstills Each longer than a lease.
 */
export function judgeRuns(lines: readonly RunLine[], standstills: readonly Standstill[]): readonly string[] {
  const interrupted = interruptedStretches(lines, standstills);
  const problems = standstills.flatMap((standstill) => judgeStandstill(lines, standstill, interrupted));
  for (const [key, ofKey] of Map.groupBy(lines, (line) => line.key)) {
    problems.push(...judgeKey(key, ofKey, interrupted));
  }
  return problems;
}

function judgeStandstill(
  lines: readonly RunLine[],
  { pid, fromMs, untilMs }: Standstill,
  interrupted: ReadonlySet<string>,
): readonly string[] {
  const late = lines.filter((line) =>
    line.pid === pid && line.atMs > fromMs + HALT_MS && line.atMs < untilMs + STRETCH_MS &&
    interrupted.has(stretchOf(line)) &&
    (line.moment === "begins" || line.moment === "resumes")
  );
  return late.length <= 1 ? [] : [`process ${pid} was held, and let ${late.length} runs begin: ${late.map(textOf)}`];
}

function judgeKey(key: string, lines: readonly RunLine[], interrupted: ReadonlySet<string>): readonly string[] {
  const problems: string[] = [];
  const seen = new Set<string>();
  let newest = "";
  const running = new Map<string, RunLine>();
  for (const line of lines) {
    const { moment, activation, pid, run } = line;
    const runId = `${pid} ${activation} ${run}`;
    if (moment === "waits" || moment === "ends") {
      running.delete(runId);
      continue;
    }
    const isExcused = interrupted.has(stretchOf(line));
    for (const [other, began] of running) {
      if (isExcused || interrupted.has(stretchOf(began))) running.delete(other);
      else problems.push(`${textOf(line)} while ${textOf(began)} had not ended`);
    }
    if (activation !== newest) {
      if (seen.has(activation)) {
        if (!isExcused) problems.push(`${textOf(line)} after ${newest} had run`);
      } else {
        if (isToken(activation) && isToken(newest) && activation < newest) {
          problems.push(`${key}: ${activation} ran after ${newest}, which is greater`);
        }
        seen.add(activation);
        newest = activation;
      }
    }
    if (!isExcused) running.set(runId, line);
  }
  return problems;
}

/** The last stretches before each standstill: they may go on behind it. */
function interruptedStretches(lines: readonly RunLine[], standstills: readonly Standstill[]): ReadonlySet<string> {
  const interrupted = new Set<string>();
  for (const { pid, fromMs } of standstills) {
    const last = new Map<string, RunLine>();
    for (const line of lines) {
      if (line.pid === pid && line.atMs <= fromMs + HALT_MS) last.set(line.stretch.split(".")[0] ?? "", line);
    }
    for (const line of last.values()) interrupted.add(stretchOf(line));
  }
  return interrupted;
}

function stretchOf({ pid, stretch }: RunLine): string {
  return `${pid} ${stretch}`;
}

function isToken(activation: string): boolean {
  return /^[0-9a-f]{8}\./.test(activation);
}

function textOf({ key, activation, moment, pid, run, stretch, atMs, attempt }: RunLine): string {
  return `${key} ${moment} (run ${run} of ${activation}, ${attempt}, process ${pid}, stretch ${stretch}, at ${atMs})`;
}
