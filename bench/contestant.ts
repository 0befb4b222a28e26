/**
 * The child's side of the bench: reads the command line, warms up, runs the one measurement asked for and
 * prints it as one JSON line. Everything that takes part, Troupe included, is a script that ends in
 * {@link takePart}. Runs in a process of its own, so that nobody's JIT, heap or timers disturb another's.
 *
 * The protocol, for a contestant in another language:
 *
 * ```
 * <script> --scenario S1.one-pair --contestant nact --seconds 2 --count 5000000 --warm-up-seconds 0.5
 * {"scenario":"S1.one-pair","contestant":"nact","delivered":1000,"sent":1000,"seconds":0.1,"perSecond":10000,"extra":{}}
 * {"scenario":"S1.one-pair","contestant":"nact","notRun":"why it cannot"}
 * ```
 *
 * @module
 */
import process from "node:process";
import { parseArgs } from "node:util";

/** What to measure, and for how long. Whichever limit comes first ends the sending; then everything is drained. */
export interface Task {
  /** A scenario's id, as `scenarios.ts` names it. */
  readonly scenario: string;
  /** Which of a script's contestants is meant; it is printed back. */
  readonly contestant: string;
  /** Seconds of sending at most. */
  readonly seconds: number;
  /** Messages, asks or spawns at most. */
  readonly countMax: number;
  /** Nothing of it is printed. */
  readonly isWarmUp?: boolean;
}

/** What was measured. `delivered` is counted at the receiver, after the drain. */
export interface Outcome {
  readonly sent: number;
  readonly delivered: number;
  /** From the first message sent to the last one received. */
  readonly seconds: number;
  /** Further figures, each with its unit in its name. */
  readonly extra?: Readonly<Record<string, number>>;
}

/**
 * One measurement. It is called twice in one process: to warm up, and then to be measured. A thread that it starts is
 * kept from the first call to the second, or its code would be cold again.
 */
export type Contest = (task: Task) => Outcome | Promise<Outcome>;
/** The contests of a contestant, by the scenario's id. */
export type Contests = Readonly<Record<string, Contest>>;

/**
 * Runs what the command line asks for and ends the process. `contestOf` gives the contest of a task, or
 * `undefined` when this script has none, which is reported as not run.
 */
export async function takePart(contestOf: (task: Task) => Contest | undefined): Promise<never> {
  const { task, warmUpSeconds } = readCommandLine();
  const { scenario, contestant } = task;
  const contest = contestOf(task);
  if (contest === undefined) return await printAndExit({ scenario, contestant, notRun: "has no such scenario" });
  if (warmUpSeconds > 0) await contest(warmUpOf(task, warmUpSeconds));
  const { sent, delivered, seconds, extra = {} } = await contest(task);
  const perSecond = delivered / seconds;
  return await printAndExit({ scenario, contestant, delivered, sent, seconds, perSecond, extra });
}

/** Seconds on the monotonic clock. */
export function secondsNow(): number {
  return performance.now() / 1000;
}

/** Bytes of live heap and of the whole process, after collecting what is garbage. */
export interface Footprint {
  readonly heapBytes: number;
  readonly residentBytes: number;
}

/** The footprint now. The harness starts every runtime with its collector exposed; without it this throws. */
export function footprint(): Footprint {
  const collect: unknown = Reflect.get(globalThis, "gc");
  if (typeof collect !== "function") throw new Error("Cannot measure the heap: the runtime runs without --expose-gc");
  // One pass may leave what finalizers and weak tables kept until it ended.
  for (let pass = 0; pass < 3; pass++) collect();
  const { heapUsed, rss } = process.memoryUsage();
  return { heapBytes: heapUsed, residentBytes: rss };
}

/** Bytes each of `count` things added between two footprints, as the extras that S8 prints. */
export function bytesEach(before: Footprint, after: Footprint, count: number): Record<string, number> {
  return {
    heapBytesEach: (after.heapBytes - before.heapBytes) / count,
    residentBytesEach: (after.residentBytes - before.residentBytes) / count,
  };
}

/** A tenth of the count at most: warming up S8 with all its actors would leave a heap that hides the measured ones. */
function warmUpOf(task: Task, seconds: number): Task {
  return { ...task, seconds, countMax: Math.ceil(task.countMax / 10), isWarmUp: true };
}

function readCommandLine(): { readonly task: Task; readonly warmUpSeconds: number } {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    options: { scenario: text, contestant: text, seconds: text, count: text, "warm-up-seconds": text },
  });
  return {
    task: {
      scenario: values.scenario ?? "S1.one-pair",
      contestant: values.contestant ?? "contestant",
      seconds: Number(values.seconds ?? 1),
      countMax: Number(values.count ?? 1_000_000),
    },
    warmUpSeconds: Number(values["warm-up-seconds"] ?? 0.25),
  };
}

async function printAndExit(line: Readonly<Record<string, unknown>>): Promise<never> {
  // Exiting before the pipe took the line would lose it.
  await new Promise<void>((resolve) => process.stdout.write(`${JSON.stringify(line)}\n`, () => resolve()));
  process.exit(0);
}
