/**
 * What is said to a world that runs: durations, nodes, groups of them, claims. Wrong words are refused before anything
 * happens, each with what is allowed. Pure.
 *
 * @module
 */
import { ActorError } from "../core/failure.ts";
import type { AnyKind } from "../core/kind.ts";
import { OptionsCheck } from "../core/options_check.ts";
import type { Expectation } from "./expectations.ts";
import { WORLD_MS_MAX } from "./fault_check.ts";
import type { Duration } from "./simulate.ts";

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000 };

/** Milliseconds of a duration. Throws `invalid-options`. */
export function msOf(duration: Duration): number {
  const ms = typeof duration === "string" ? msOfText(duration) : duration;
  if (typeof ms === "number" && ms >= 0 && ms <= WORLD_MS_MAX) return ms;
  const check = new OptionsCheck();
  check.problem("duration", duration, `0 to ${WORLD_MS_MAX} milliseconds, as in 500, "500ms", "30s" or "5m"`);
  check.throwIfAny("run the world");
  return 0; // It has thrown.
}

function msOfText(duration: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)(ms|s|m)$/.exec(duration) ?? [];
  return Number(number) * (UNIT_MS[unit ?? ""] ?? NaN);
}

/** Throws `invalid-options` unless `index` is a host of the world. */
export function checkHost(index: number, nodes: number, what: string): void {
  const check = new OptionsCheck();
  check.wholeNumber("index", index, { min: 0, max: nodes - 1 });
  check.throwIfAny(what);
}

/** Throws `invalid-options` unless the groups are lists of hosts of the world, each host in one of them at most. */
export function checkGroups(groups: readonly (readonly number[])[], nodes: number): void {
  const check = new OptionsCheck();
  const seen = new Set<number>();
  for (const [at, group] of groups.entries()) {
    if (!Array.isArray(group)) {
      check.problem(`groups[${at}]`, group, "a list of nodes");
      continue;
    }
    for (const [position, host] of group.entries()) {
      const name = `groups[${at}][${position}]`;
      check.wholeNumber(name, host, { min: 0, max: nodes - 1 });
      if (seen.has(host)) check.problem(name, host, "a node that is in no other place");
      seen.add(host);
    }
  }
  check.throwIfAny("split the world");
}

/** Throws `invalid-options` unless it is what `always` or `eventually` makes. */
export function checkExpectation(expectation: Expectation): void {
  const check = new OptionsCheck();
  if (typeof expectation !== "object" || expectation === null) {
    check.problem("expectation", expectation, "what always() or eventually() gives");
  } else {
    const { kind, text, holds, withinMs } = expectation;
    check.oneOf("kind", kind, ["always", "eventually"]);
    if (typeof text !== "string") check.problem("text", text, "a text: what is claimed");
    check.function("holds", holds);
    if (kind === "eventually") check.number("withinMs", withinMs, { min: 0, max: WORLD_MS_MAX });
  }
  check.throwIfAny("expect this of the world");
}

/** Throws `invalid-options` unless it is a time to wait. */
export function checkWithin(withinMs: number): void {
  const check = new OptionsCheck();
  check.number("withinMs", withinMs, { min: 0, max: WORLD_MS_MAX });
  check.throwIfAny("wait for the world");
}

/** Throws `kind-unknown` unless this very kind is one of the world. */
export function checkKind(kind: AnyKind, kinds: readonly AnyKind[]): void {
  if (!kinds.includes(kind)) throw kindUnknown(kind.name);
}

/** The error about a kind that is not of the world. */
export function kindUnknown(name: string): ActorError {
  const why = "it is not among the kinds given to simulate";
  return new ActorError("kind-unknown", `Cannot use kind ${name}: ${why}`, { details: { kind: name } });
}
