/**
 * The page about mutants: each rule with the plan that shows what it is for, made from the recorded plans.
 *
 * @module
 */
import { RULES } from "../../cluster/rules.ts";
import { ELSEWHERE } from "../simulation/mutants_elsewhere.ts";
import { recordedMutant, RULE_NAMES } from "../simulation/recorded_mutants.ts";

/** The whole page, as `deno fmt` leaves it but for the widths of columns. */
export function mutantsPage(): string {
  return `# A cluster without a rule

A rule that nobody has seen fail may not be needed, or may not be watched. So each rule of [PROTOCOL.md](PROTOCOL.md) can be switched off by name, in tests only ([cluster/rules.ts](../cluster/rules.ts)), and then a promise of [GUARANTEES.md](GUARANTEES.md) must break. This page is made from the recorded plans in [tests/simulation/mutants/](../tests/simulation/mutants/); every change replays them, with the rule and without it ([mutants.test.ts](../tests/simulation/mutants.test.ts)). \`deno task sim:mutants\` looks for new ones.

## Killed by a recorded plan

"Plans" is how many seeds were tried before one killed; "items" what is left of that plan after shrinking: faults and operations.

${table(["Without", "which says that", "breaks", "plans", "items"], recorded())}
## Killed by other tests, or implied

${table(["Without", "which says that", "where it is seen"], elsewhere())}`;
}

function recorded(): readonly (readonly string[])[] {
  return RULE_NAMES.flatMap((rule) => {
    const mutant = recordedMutant(rule);
    if (mutant === undefined) return [];
    return [[`\`${rule}\``, RULES[rule], mutant.checker, `${mutant.seedsTaken}`, `${mutant.plan.items.length}`]];
  });
}

function elsewhere(): readonly (readonly string[])[] {
  return RULE_NAMES.flatMap((rule) => {
    const where = ELSEWHERE[rule];
    if (where === undefined) return [];
    const text = where.kind === "test" ? `[${where.path}](../${where.path})` : `implied: ${where.by}`;
    return [[`\`${rule}\``, RULES[rule], text]];
  });
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`);
  return `${lines.join("\n")}\n\n`;
}
