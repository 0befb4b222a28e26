/**
 * What the demo prints: a line that moves, and a table. Pure but for {@link ProgressLine}, which writes.
 *
 * @module
 */
import process from "node:process";
import { formatCents } from "../bank/money.ts";
import { type BankBooks, sumOf } from "./books.ts";
import type { Incident } from "./incident.ts";
import type { TimedEvent } from "./node_child.ts";
import { type Measures, percentile, type RecoveryFigures } from "./measures.ts";

/** Milliseconds between two lines where they stay on the screen or in a file. */
const LINE_MS = 3_000;

/** How far the customers are: one line that is written over on a terminal, else a new one now and then. */
export class ProgressLine {
  readonly #startMs = performance.now();
  #writtenMs = performance.now();

  show(sent: number, stage: string): void {
    const nowMs = performance.now();
    const text = `  ${((nowMs - this.#startMs) / 1000).toFixed(0)} s, ${count(sent)} requests: ${stage}`;
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

/** What the table is made from. */
export interface Run {
  /** Each node: what it is called, what it runs on, and what it has in memory at the end. */
  readonly nodes: readonly {
    readonly name: string;
    readonly runtime: string;
    readonly accounts: number;
    readonly transfers: number;
  }[];
  readonly workers: number;
  readonly views: string;
  readonly measures: Measures;
  /** Seconds of load. */
  readonly seconds: number;
  readonly incident: Incident;
  readonly nameOf: (address: string) => string;
  /** The books through the door of each node, in the file, and the cents that were put in. */
  readonly readings: readonly { readonly name: string; readonly books: BankBooks }[];
  readonly stored: ReadonlyMap<string, number>;
  readonly deposited: number;
  /** Workers that were killed and replaced. */
  readonly workersKilled: number;
}

/** The table. A row without a name goes on with the one above it. */
export function tableOf(run: Run): string {
  const { nodes, measures, seconds, incident } = run;
  const rows: readonly (readonly [string, string])[] = [
    ...nodes.map((node, index) => [node.name, nodeRow(node, run.workers, measures.answersOfNode[index] ?? 0)] as const),
    ["views", run.views],
    ["requests", `${count(measures.latencies.length)} in ${seconds.toFixed(1)} s, ${ratesOf(measures, seconds)}`],
    ["answers", answersOf(measures)],
    ...failureRows(measures),
    ["repeated", `${count(measures.retries)}, each with the id of the first try; none is without an answer`],
    ...incidentRows(incident),
    ...clockRows(run),
    ...(run.workersKilled > 0 ? [["worker killed", "and replaced, on a node that went on"] as const] : []),
    ...booksRows(run),
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`).join("\n");
}

/** Which views changed who is in, as the nodes told it. */
export function viewsOf(events: readonly TimedEvent[], nameOf: (address: string) => string): string {
  const changes = new Map<number, Set<string>>();
  for (const { event: { type, epoch, about = "" } } of events) {
    const verb = type === "nodeJoined" ? "joined" : type === "nodeLeft" ? "was removed" : undefined;
    if (epoch === undefined || verb === undefined) continue;
    changes.set(epoch, (changes.get(epoch) ?? new Set()).add(`${nameOf(about)} ${verb}`));
  }
  const sorted = [...changes].sort(([one], [other]) => one - other);
  return sorted.map(([epoch, names]) => `in view ${epoch} ${[...names].join(" and ")}`).join(", ");
}

function nodeRow({ runtime, accounts, transfers }: Run["nodes"][number], workers: number, answers: number): string {
  const threads = workers === 0 ? "no workers" : `${workers} worker${workers === 1 ? "" : "s"}`;
  return `${runtime}, ${threads}; gave ${count(answers)} answers; ` +
    `${count(accounts)} accounts and ${count(transfers)} transfers in memory`;
}

function ratesOf({ latencies }: Measures, seconds: number): string {
  const [p50, p99] = [percentile(latencies, 0.5), percentile(latencies, 0.99)];
  return `${count(latencies.length / seconds)} a second; p50 ${count(p50)} ms, p99 ${count(p99)} ms`;
}

function answersOf({ moved, transfers, refused, reads }: Measures): string {
  return `${count(moved)} moved money (${count(transfers)} transfers), ${count(refused)} refused, ${
    count(reads)
  } reads`;
}

function failureRows({ failures }: Measures): readonly (readonly [string, string])[] {
  return [
    ["not delivered", failuresOf(failures["not-delivered"])],
    ["failed", failuresOf(failures.delivered)],
    ["unknown", failuresOf(failures.unknown)],
  ];
}

function failuresOf(codes: ReadonlyMap<string, number>): string {
  const sorted = [...codes].sort(([, one], [, other]) => other - one);
  const each = sorted.map(([code, times]) => `${count(times)} ${code}`).join(", ");
  return `${count(sumOf(codes.values()))} exchanges${each === "" ? "" : `: ${each}`}`;
}

function incidentRows(incident: Incident): readonly (readonly [string, string])[] {
  const { victim, wasLeader, sent, noticed, accounts, transfers, others, recovery, backMs, restartMs } = incident;
  const rows: readonly (readonly [string, readonly string[]])[] = [
    [`accounts of ${victim.name}`, accounts],
    [`requests at ${victim.name}`, transfers],
    ["other accounts", others],
  ];
  return [
    ["killed", `${victim.name}${wasLeader ? ", the leader," : ""} by SIGKILL, after ${count(sent)} requests`],
    [
      "noticed by",
      noticed.map(({ name, afterMs }) => `${name} ${afterMs === undefined ? "never" : `after ${s(afterMs)}`}`).join(
        ", ",
      ),
    ],
    ...rows.map(([name, keys], index) => {
      return [index === 0 ? "served again" : "", `${name}: ${recoveryOf(recovery.figures(keys))}`] as const;
    }),
    ["came back", `at the same ports, serving ${s(backMs)} after the kill, ${s(restartMs)} after its start`],
  ];
}

function recoveryOf({ recovered, waiting, p50Ms, p99Ms, maxMs }: RecoveryFigures): string {
  const never = waiting === 0 ? "" : `, and ${waiting} never`;
  return recovered === 0
    ? `none${never}`
    : `${count(recovered)}, p50 ${s(p50Ms)}, p99 ${s(p99Ms)}, max ${s(maxMs)}${never}`;
}

function clockRows(
  { incident: { clock: { before, after, afterMs } }, nameOf }: Run,
): readonly (readonly [string, string])[] {
  return [
    [
      "clock before",
      before === undefined ? "nowhere" : `${nameOf(before.node ?? "")}, tick ${before.ticks}, token ${before.token}`,
    ],
    [
      "clock after",
      after === undefined
        ? "nowhere"
        : `${nameOf(after.node ?? "")}, tick ${after.ticks}, token ${after.token}, seen after ${s(afterMs)}`,
    ],
  ];
}

function booksRows({ readings, stored, deposited }: Run): readonly (readonly [string, string])[] {
  const held = [
    ...readings.map(({ name, books }) => `${formatCents(sumOf(books.balances.values()))} by ${name}`),
    `${formatCents(sumOf(stored.values()))} in the file`,
  ];
  return [["put in", formatCents(deposited)], ["held", held.join(", ")]];
}

function count(number: number): string {
  return Math.round(number).toLocaleString("en-US");
}

function s(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(2)} s`;
}
