/**
 * What the client process tells the demo: lines of JSON on its standard output. Pure.
 *
 * @module
 */
import type { Verdict } from "./books.ts";

const COUNTS = [
  "requests",
  "seconds",
  "p50Ms",
  "p99Ms",
  "moved",
  "refused",
  "reads",
  "retries",
  "unknown",
  "unavailable",
  "interrupted",
  "recoveryP50Ms",
  "recoveryMaxMs",
] as const;

/** The numbers of a run. */
export type ClientCounts = Readonly<Record<typeof COUNTS[number], number>>;

/** How a run went. */
export interface ClientReport {
  readonly counts: ClientCounts;
  readonly verdict: Verdict;
}

/** One line. */
export type ClientLine =
  | { readonly kind: "progress"; readonly sent: number }
  | { readonly kind: "report"; readonly report: ClientReport }
  /** The last line of a client that cannot go on. */
  | { readonly kind: "gave-up"; readonly reason: string };

/** `line` as text, without its end. */
export function encodeLine(line: ClientLine): string {
  return JSON.stringify(line);
}

/** Reads a line. Throws when it is not one: then something else was written where the client writes. */
export function decodeLine(text: string): ClientLine {
  const line = fieldsOf(JSON.parse(text));
  if (line.kind === "progress") return { kind: "progress", sent: numberOf(line.sent) };
  if (line.kind === "gave-up") return { kind: "gave-up", reason: String(line.reason) };
  if (line.kind !== "report") throw new Error(`Cannot read what the client says: ${text.slice(0, 200)}`);
  const { counts, verdict } = fieldsOf(line.report);
  return {
    kind: "report",
    report: { counts: decodeCounts(fieldsOf(counts)), verdict: decodeVerdict(fieldsOf(verdict)) },
  };
}

function decodeCounts(raw: Readonly<Record<string, unknown>>): ClientCounts {
  const counts = Object.fromEntries(COUNTS.map((name) => [name, numberOf(raw[name])]));
  return counts as ClientCounts;
}

function decodeVerdict({ isOk, text }: Readonly<Record<string, unknown>>): Verdict {
  return { isOk: isOk === true, text: String(text) };
}

function fieldsOf(raw: unknown): Readonly<Record<string, unknown>> {
  return typeof raw === "object" && raw !== null ? { ...raw } : {};
}

function numberOf(raw: unknown): number {
  if (typeof raw === "number") return raw;
  throw new Error(`Cannot read what the client says: ${JSON.stringify(raw)} is not a number`);
}
