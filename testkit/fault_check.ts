/**
 * What is wrong with the faults that somebody wants of a world: words, names, numbers. Pure.
 *
 * One idea: a fault that could befall nobody is refused too. A test that it would leave alone tests nothing, and is
 * green.
 *
 * @module
 */
import type { OptionsCheck } from "../core/options_check.ts";
import type { Fault } from "./fault_plan.ts";
import type { FaultChoice } from "./user_faults.ts";

/** Nodes of a user's world. */
export const NODES_MAX = 30;
/** Simulated milliseconds that any one thing in a user's world may take: thirty days. */
export const WORLD_MS_MAX: number = 30 * 24 * 60 * 60 * 1_000;
/** Milliseconds between two drawn faults: an hour. */
const EVERY_MS_MAX = 60 * 60 * 1_000;

const CHOICES: readonly Exclude<keyof FaultChoice, "everyMs">[] = [
  "crashes",
  "splits",
  "pauses",
  "network",
  "clocks",
  "store",
];

type Rule = (check: OptionsCheck, name: string, value: unknown, nodes: number) => void;

const isHost: Rule = (check, name, value, nodes) => check.wholeNumber(name, value, { min: 0, max: nodes - 1 });
const isCut: Rule = (check, name, value, nodes) => check.wholeNumber(name, value, { min: 1, max: 2 ** nodes - 2 });
const isTime: Rule = (check, name, value) => check.number(name, value, { min: 0, max: WORLD_MS_MAX });
const isShift: Rule = (check, name, value) => check.number(name, value, { min: -WORLD_MS_MAX, max: WORLD_MS_MAX });
const isFlag: Rule = (check, name, value) => check.boolean(name, value);

/** Every fault with its fields, beside `kind` and `atMs`. */
const FIELDS: Readonly<Record<Fault["kind"], Readonly<Record<string, Rule>>>> = {
  partition: { cut: isCut, isOneWay: isFlag, forMs: isTime },
  crash: { host: isHost, downMs: isTime, stays: isFlag },
  pause: { host: isHost, forMs: isTime },
  suspend: { host: isHost, forMs: isTime },
  wallStep: { host: isHost, byMs: isShift },
  clog: { from: isHost, to: isHost, forMs: isTime },
  reset: { from: isHost, to: isHost },
  lag: { host: isHost, ms: isTime },
};
/** Those that need two nodes. */
const BETWEEN_NODES: readonly string[] = ["partition", "clog", "reset"];

/** Checks the option `faults` of a world of so many nodes. */
export function checkFaults(check: OptionsCheck, faults: unknown, nodes: number): void {
  if (faults === undefined || faults === "none" || faults === "aggressive") return;
  if (Array.isArray(faults)) {
    return faults.forEach((fault, index) => checkFault(check, `faults[${index}]`, fault, nodes));
  }
  if (typeof faults !== "object" || faults === null) {
    return check.problem("faults", faults, '"none", "aggressive", an object of what may go wrong, or a list of faults');
  }
  check.unknownKeys("faults", faults, [...CHOICES, "everyMs"]);
  for (const name of CHOICES) check.boolean(`faults.${name}`, Reflect.get(faults, name), { optional: true });
  const everyMs = Reflect.get(faults, "everyMs");
  check.number("faults.everyMs", everyMs, { min: 1, max: EVERY_MS_MAX, optional: true });
}

function checkFault(check: OptionsCheck, at: string, fault: unknown, nodes: number): void {
  if (typeof fault !== "object" || fault === null || Array.isArray(fault)) return check.problem(at, fault, "a fault");
  const kind: unknown = Reflect.get(fault, "kind");
  check.oneOf(`${at}.kind`, kind, Object.keys(FIELDS));
  if (!isFaultKind(kind)) return;
  const rules = Object.entries(FIELDS[kind]);
  check.unknownKeys(at, fault, ["kind", "atMs", ...rules.map(([name]) => name)]);
  if (nodes === 1 && BETWEEN_NODES.includes(kind)) {
    return check.problem(`${at}.kind`, kind, "a fault of one node, because this world has no other");
  }
  isTime(check, `${at}.atMs`, Reflect.get(fault, "atMs"), nodes);
  for (const [name, rule] of rules) rule(check, `${at}.${name}`, Reflect.get(fault, name), nodes);
  if (!("from" in fault) || !("to" in fault) || fault.from !== fault.to) return;
  check.problem(`${at}.to`, fault.to, "another node than `from`");
}

function isFaultKind(kind: unknown): kind is Fault["kind"] {
  return typeof kind === "string" && Object.hasOwn(FIELDS, kind);
}
