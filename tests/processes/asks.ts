/**
 * Asks of nodes, written down; and whether what their askers were told is true.
 *
 * One idea: each attempt to ask something has a name of its own, and the handler writes it down when it begins. So of every
 * answer it can be said afterwards whether it was true.
 *
 * @module
 */
import { FATE_OF_CODE } from "../../mod.ts";
import type { NodeChild, Outcome } from "./node_child.ts";
import type { NodeOrder } from "./node_words.ts";
import type { RunLine } from "./run_log.ts";

/** One ask. */
export interface Attempt {
  readonly name: string;
  readonly key: string;
  readonly node: Pick<NodeChild, "name" | "standstills">;
  readonly beganMs: number;
  readonly endedMs: number;
  readonly timeoutMs: number;
  readonly outcome: Outcome;
}

/** Milliseconds by which the end of an ask may be later than its deadline: two ticks, and a machine that is busy. */
const LATE_MS_MAX = 1_000;

/** What was asked, and how it ended. */
export class Asks {
  readonly attempts: Attempt[] = [];

  /** Asks, under a name that the handler is given among its arguments. */
  async ask(node: NodeChild, name: string, order: Extract<NodeOrder, { do: "ask" }>): Promise<Outcome> {
    const beganMs = Date.now();
    const outcome = await node.order(order);
    const { kind, name: actor, to, timeoutMs } = order;
    const key = to === "grain" ? `${kind}:${actor}` : actor;
    this.attempts.push({ name, key, node, beganMs, endedMs: Date.now(), timeoutMs, outcome });
    return outcome;
  }
}

/**
 * Everything that is wrong with what askers were told, as sentences:
 *
 * - each ask ended by its deadline and a little, but where its node stood still or was killed meanwhile;
 * - with a value, or with an error of the runtime's table;
 * - an attempt that had a value has run once, one that was not delivered never, and none more than once.
 *
 * A handler that ran and whose save was refused ends as `fenced-write`, not delivered: nothing of it was kept.
 */
export function judgeAsks(attempts: readonly Attempt[], runs: readonly RunLine[]): readonly string[] {
  const begun = new Map<string, number>();
  for (const { moment, attempt } of runs) {
    if (moment === "begins") begun.set(attempt, (begun.get(attempt) ?? 0) + 1);
  }
  return attempts.flatMap((attempt) => judgeAttempt(attempt, begun.get(attempt.name) ?? 0));
}

function judgeAttempt(
  { name, key, node, beganMs, endedMs, timeoutMs, outcome }: Attempt,
  runCount: number,
): readonly string[] {
  const problems: string[] = [];
  const problem = (text: string) => problems.push(`${name} to ${key} at ${node.name}: ${text}, at ${beganMs}`);
  if (runCount > 1) problem(`it ran ${runCount} times`);
  if (outcome.kind === "gone") return problems;
  const stoodStill = node.standstills.some(({ fromMs, untilMs }) => fromMs <= endedMs && untilMs >= beganMs);
  if (!stoodStill && outcome.tookMs > timeoutMs + LATE_MS_MAX) problem(`it took ${Math.round(outcome.tookMs)} ms`);
  if (outcome.kind === "value") {
    if (runCount !== 1) problem(`it had a value and ran ${runCount} times`);
    return problems;
  }
  const { code, fate, message } = outcome.failure;
  if (!Object.hasOwn(FATE_OF_CODE, code)) problem(`it failed with ${code}: ${message}`);
  if (fate === "not-delivered" && runCount > 0 && code !== "fenced-write") {
    problem(`it ran, and failed as ${code}, not delivered: ${message}`);
  }
  return problems;
}
