/**
 * What a contestant's process printed, checked: a child is another program, perhaps in another language, and may print anything.
 * Pure.
 *
 * @module
 */

/** One measurement of one contestant. */
export interface Measured {
  readonly kind: "measured";
  readonly sent: number;
  readonly delivered: number;
  readonly seconds: number;
  readonly perSecond: number;
  readonly extra: Readonly<Record<string, number>>;
}

/** Why there is none. */
export interface NotRun {
  readonly kind: "not-run";
  readonly reason: string;
}

/** What one child came to. */
export type Result = Measured | NotRun;

/** The reason as a {@link Result}. */
export function notRun(reason: string): NotRun {
  return { kind: "not-run", reason };
}

/** The last result line of `output` for this scenario and contestant; other lines are somebody's log. */
export function resultIn(output: string, scenario: string, contestant: string): Result {
  for (const line of output.trim().split("\n").toReversed()) {
    const record = recordIn(line);
    if (record?.scenario === scenario && record.contestant === contestant) return decodeResult(record);
  }
  return notRun("printed no result");
}

function decodeResult({ sent, delivered, seconds, extra, notRun: reason }: Readonly<Record<string, unknown>>): Result {
  if (typeof reason === "string") return notRun(reason);
  if (!isPositive(sent) || !isCount(delivered) || !isPositive(seconds)) return notRun("printed a result that is none");
  // Not the child's own division: what is compared is computed in one place.
  return { kind: "measured", sent, delivered, seconds, perSecond: delivered / seconds, extra: numbersIn(extra) };
}

function recordIn(line: string): Readonly<Record<string, unknown>> | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const value: unknown = JSON.parse(line);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function numbersIn(value: unknown): Readonly<Record<string, number>> {
  if (!isRecord(value)) return {};
  const numbers = Object.entries(value).filter((entry): entry is [string, number] => typeof entry[1] === "number");
  return Object.fromEntries(numbers);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isPositive(value: unknown): value is number {
  return typeof value === "number" && value > 0 && Number.isFinite(value);
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && Number.isFinite(value);
}
