/**
 * `deno task bench`: runs the scenarios side by side and prints a table of each. On Bun, the children run on Bun.
 *
 * ```
 * deno run -A bench/main.ts S1 S3 --rounds 5 --seconds 2
 * ./node_modules/.bin/bun bench/main.ts --quick
 * ```
 *
 * Ends with 1 when Troupe lost a message, never because a goal was missed: the machine is not ours alone.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { cpus, loadavg, totalmem } from "node:os";
import process from "node:process";
import { parseArgs } from "node:util";
import { runtimeName } from "./child.ts";
import { CONTESTANTS, TROUPE } from "./contestants.ts";
import { type Plan, prepareAll, runScenario } from "./harness.ts";
import { MOLECULER_VERSION } from "./peers/moleculer_package.ts";
import type { Result } from "./result.ts";
import { scenariosNamed } from "./scenarios.ts";
import { short, tableOf } from "./table.ts";
import { type Row, rowsOf } from "./verdict.ts";

const ROUNDS = 5;
const FULL: Plan = { rounds: ROUNDS, seconds: 2, warmUpSeconds: 0.5 };
const QUICK: Plan = { rounds: 1, seconds: 0.3, warmUpSeconds: 0.1 };

async function main(): Promise<void> {
  const { only, without, plan } = readCommandLine();
  const scenarios = scenariosNamed(only);
  if (scenarios.length === 0) throw new Error(`Cannot run: no scenario is named ${only.join(" or ")}`);
  const prepared = await prepareAll(CONTESTANTS.filter(({ name }) => !without.includes(name)), scenarios);
  console.log(headOf(plan));
  let hasLost = false;
  for (const scenario of scenarios) {
    const rounds = await runScenario(scenario, prepared, plan, (round, name, result) => {
      console.error(`${scenario.id}, round ${round + 1} of ${plan.rounds}: ${name}: ${resultText(result)}`);
    });
    const rows = rowsOf(scenario, rounds);
    hasLost ||= scenario.mayLose !== true && rows.some(isOurLoss);
    console.log(tableOf(scenario, rows));
  }
  console.log(`Load average at the end: ${loadText()}.`);
  process.exitCode = hasLost ? 1 : 0;
}

function readCommandLine(): { readonly only: string[]; readonly without: string[]; readonly plan: Plan } {
  const { values, positionals } = parseArgs({
    options: {
      only: { type: "string" },
      without: { type: "string" },
      rounds: { type: "string" },
      seconds: { type: "string" },
      count: { type: "string" },
      quick: { type: "boolean" },
    },
    allowPositionals: true,
  });
  const plan = values.quick === true ? QUICK : FULL;
  return {
    only: [...namesIn(values.only), ...positionals],
    without: namesIn(values.without),
    plan: {
      ...plan,
      rounds: positive("--rounds", values.rounds) ?? plan.rounds,
      seconds: positive("--seconds", values.seconds) ?? plan.seconds,
      countMax: positive("--count", values.count),
    },
  };
}

function namesIn(list: string | undefined): string[] {
  return list === undefined ? [] : list.split(",").map((name) => name.trim()).filter((name) => name !== "");
}

function positive(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!(value > 0)) throw new Error(`Cannot run: ${option} is ${text}, and must be a number above 0`);
  return value;
}

/** Machine, versions and command: a figure without them means nothing. */
function headOf(plan: Plan): string {
  const [first] = cpus();
  const rounds = `${plan.rounds} rounds of ${plan.seconds} s each, ${plan.warmUpSeconds} s to warm up`;
  return [
    `${runtimeName()}; ${cpus().length} × ${first?.model ?? "unknown processor"}, ${short(totalmem())}B of memory`,
    `Peers: ${
      ["nact", "xstate", "comedy"].map(packageVersion).join(", ")
    }, GoAkt ${goAktVersion()}, moleculer ${MOLECULER_VERSION}`,
    `Command: \`bench/main.ts ${process.argv.slice(2).join(" ")}\`; ${rounds}; ${new Date().toISOString()}`,
    `Load average at the start: ${loadText()}.`,
    "Figures are: median (lowest–highest). *Troupe is* has its ratio to that row, computed within each round.",
    "",
  ].join("\n\n");
}

function packageVersion(name: string): string {
  const text = readFileSync(new URL(`../node_modules/${name}/package.json`, import.meta.url), "utf8");
  return `${name} ${/"version":\s*"([^"]+)"/.exec(text)?.[1] ?? "unknown"}`;
}

function goAktVersion(): string {
  const text = readFileSync(new URL("./peers/goakt/go.mod", import.meta.url), "utf8");
  return /goakt\/v\d+ v([\w.-]+)/.exec(text)?.[1] ?? "unknown";
}

function loadText(): string {
  return loadavg().map((load) => load.toFixed(1)).join(" ");
}

function resultText(result: Result): string {
  if (result.kind === "not-run") return `not run: ${result.reason}`;
  const { sent, delivered, perSecond, seconds } = result;
  return `${short(perSecond)}/s, ${delivered} of ${sent} in ${seconds.toFixed(2)} s`;
}

function isOurLoss({ contestant, sent, delivered }: Row): boolean {
  return contestant === TROUPE && delivered !== sent;
}

await main();
