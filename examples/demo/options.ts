/**
 * The command line of the demo. Pure.
 *
 * @module
 */
import { parseArgs } from "node:util";
import type { Profile } from "../bank/node_settings.ts";

/** What a node can run on. */
export type Runtime = "deno" | "bun";

/** What the demo does. */
export interface DemoOptions {
  /** Requests the customers send at least; they go on until the killed node is back. */
  readonly requests: number;
  readonly seed: number;
  /** The first of six ports; `0`: any that are free. */
  readonly port: number;
  /** Worker threads of each node. */
  readonly workers: number;
  /** Where to keep the books; `undefined`: in a temporary folder that goes with the demo. */
  readonly db: string | undefined;
  /** What each of the three nodes runs on; `undefined`: on what the demo runs on. */
  readonly runtimes: readonly Runtime[] | undefined;
  readonly profile: Profile;
  readonly killWorker: boolean;
  readonly help: boolean;
}

/** What `--help` prints. */
export const USAGE =
  `A bank on three processes that share nothing but a file of books. Customers send it HTTP requests through all
three; one of them is killed in the middle, and comes back.

  --quick            5,000 requests at least, instead of 20,000
  --requests N       how many at least, 1,000 to 10,000,000
  --runtimes A,B,C   what each node runs on, deno or bun (default: what the demo runs on)
  --profile NAME     how soon a lost node is given up: default (7 s) or fast (3 s)
  --kill-worker      kill a worker thread of another node too
  --workers N        worker threads of each node, 0 to 64 (default 1)
  --seed N           which requests, 0 to 4,294,967,295 (default 1)
  --port N           the first of six ports (default: free ones)
  --db PATH          keep the books in this file (default: a temporary one, removed at the end)
  --help             print this`;

const REQUESTS = 20_000;
const REQUESTS_QUICK = 5_000;
/** The last port that has five above it. */
const PORT_MAX = 65_530;
const RUNTIMES: readonly string[] = ["deno", "bun"] satisfies Runtime[];

/** Reads the command line. Throws with all that is wrong with it. */
export function demoOptionsOf(args: readonly string[]): DemoOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      requests: { type: "string" },
      runtimes: { type: "string" },
      profile: { type: "string", default: "default" },
      "kill-worker": { type: "boolean", default: false },
      workers: { type: "string", default: "1" },
      seed: { type: "string", default: "1" },
      port: { type: "string", default: "0" },
      db: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  const problems: string[] = [];
  const whole = (name: string, text: string, min: number, max: number): number => {
    const number = /^\d+$/.test(text) ? Number(text) : NaN;
    if (!(number >= min && number <= max)) problems.push(`--${name} is ${text}; allowed is ${min} to ${max}`);
    return number;
  };
  const runtimes = values.runtimes?.split(",");
  if (runtimes !== undefined && !(runtimes.length === 3 && runtimes.every((name) => RUNTIMES.includes(name)))) {
    problems.push(`--runtimes is ${values.runtimes}; allowed are three of ${RUNTIMES.join(", ")}`);
  }
  const profile = values.profile === "fast" ? "fast" : "default";
  if (profile !== values.profile) problems.push(`--profile is ${values.profile}; allowed are default and fast`);
  const options: DemoOptions = {
    requests: whole("requests", values.requests ?? `${values.quick ? REQUESTS_QUICK : REQUESTS}`, 1_000, 10_000_000),
    seed: whole("seed", values.seed, 0, 2 ** 32 - 1),
    port: whole("port", values.port, 0, PORT_MAX),
    workers: whole("workers", values.workers, 0, 64),
    db: values.db,
    runtimes: runtimes?.map((name) => name === "bun" ? "bun" : "deno"),
    profile,
    killWorker: values["kill-worker"],
    help: values.help,
  };
  if (options.killWorker && options.workers === 0) problems.push("--kill-worker needs a worker to kill");
  if (problems.length > 0) throw new Error(problems.join("\n"));
  return options;
}
