/**
 * The recorded plans of `mutants/`: one for each rule, under which a cluster without it breaks a promise. Reads and writes
 * files.
 *
 * One idea: a plan kills a rule when it fails without the rule and holds with it. Both are run, each time.
 *
 * @module
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { ALL_RULES, type RuleName, RULES, without } from "../../cluster/rules.ts";
import type { FaultPlan } from "../../testkit/fault_plan.ts";
import { planFrom } from "../../testkit/plan_text.ts";
import type { SimulationViolation } from "../../testkit/scenario.ts";
import { type ScenarioName, SCENARIOS } from "./scenarios.ts";

/** A plan and what is known of it. */
export interface RecordedMutant {
  /** What is simulated. */
  readonly scenario: ScenarioName;
  readonly rule: RuleName;
  /** Plans that were run before this one was found, and this one. */
  readonly seedsTaken: number;
  /** Which checker finds it. */
  readonly checker: string;
  /** What it said then. */
  readonly message: string;
  readonly plan: FaultPlan<unknown>;
}

const FOLDER = new URL("./mutants/", import.meta.url);

/** All rules, in their order. */
export const RULE_NAMES: readonly RuleName[] = Object.keys(RULES).filter((name): name is RuleName => name in RULES);

/** Events of a run without a rule: one that goes round for ever has failed. */
const EVENTS_MAX = 2_000_000;

/** What breaks under a plan when a rule is off. */
export function violationWithout(
  scenario: ScenarioName,
  rule: RuleName,
  plan: FaultPlan<unknown>,
): SimulationViolation | undefined {
  return SCENARIOS[scenario].replay(plan, without(rule), { eventsMax: EVENTS_MAX }).violation;
}

/** What breaks under a plan when all rules hold: that would be a bug. */
export function violationWithAll(scenario: ScenarioName, plan: FaultPlan<unknown>): SimulationViolation | undefined {
  return SCENARIOS[scenario].replay(plan, ALL_RULES, { eventsMax: EVENTS_MAX }).violation;
}

/** Names of the rules with a file, as the files say. */
export function recordedNames(): readonly string[] {
  if (!existsSync(FOLDER)) return [];
  return readdirSync(FOLDER).filter((name) => name.endsWith(".json")).map((name) => name.slice(0, -".json".length))
    .sort();
}

/** The recorded plan of a rule, if there is one. */
export function recordedMutant(rule: RuleName): RecordedMutant | undefined {
  const file = fileOf(rule);
  if (!existsSync(file)) return undefined;
  const value: unknown = JSON.parse(readFileSync(file, "utf8"));
  if (typeof value !== "object" || value === null) throw new RangeError(`Cannot read ${file.pathname}: no object`);
  const fields = new Map<string, unknown>(Object.entries(value));
  const text = (name: string): string => {
    const field = fields.get(name);
    if (typeof field !== "string") throw new RangeError(`Cannot read ${file.pathname}: ${name} is not a text`);
    return field;
  };
  const scenario = text("scenario");
  if ((scenario !== "registry" && scenario !== "cluster") || text("rule") !== rule) {
    throw new RangeError(`Cannot read ${file.pathname}: it is not about ${rule} in a scenario that there is`);
  }
  const plan = planFrom(fields.get("plan"), (operation) => operation);
  const seedsTaken = Number(fields.get("seedsTaken"));
  return { scenario, rule, seedsTaken, checker: text("checker"), message: text("message"), plan };
}

/** Writes the plan of a rule, as the formatter has it: what fits into a line is one. */
export function record(mutant: RecordedMutant): void {
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(fileOf(mutant.rule), `${lines(mutant, "", 0)}\n`);
}

function fileOf(rule: RuleName): URL {
  return new URL(`${rule}.json`, FOLDER);
}

const LINE_WIDTH = 120;

/** @param before What stands on the line already: indentation and a name. */
function lines(value: unknown, before: string, depth: number): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const parts: (readonly [string, unknown])[] = Array.isArray(value)
    ? value.map((part: unknown) => ["", part] as const)
    : Object.entries(value).map(([name, part]) => [`${JSON.stringify(name)}: `, part] as const);
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  if (depth > 2) {
    const inner = parts.map(([name, part]) => name + lines(part, "", depth + 1)).join(", ");
    const line = Array.isArray(value) ? `[${inner}]` : `{ ${inner} }`;
    if (before.length + line.length < LINE_WIDTH && !line.includes("\n")) return line;
  }
  const indent = "  ".repeat(depth + 1);
  const rows = parts.map(([name, part]) => indent + name + lines(part, indent + name, depth + 1));
  return `${open}\n${rows.join(",\n")}\n${"  ".repeat(depth)}${close}`;
}
