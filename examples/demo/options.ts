/**
 * The command line of the demo. Pure.
 *
 * @module
 */
import { parseArgs } from "node:util";

/** What the demo does. */
export interface DemoOptions {
  /** Be the client of the bank at this URL, instead of the demo. */
  readonly client: string | undefined;
  /** Requests the client sends at least. */
  readonly requests: number;
  readonly seed: number;
  readonly port: number;
  /** Worker threads; `undefined`: what the machine runs at once. */
  readonly workers: number | undefined;
  /** Where to keep the books; `undefined`: in a temporary folder that goes with the demo. */
  readonly db: string | undefined;
  readonly killWorker: boolean;
  readonly help: boolean;
}

/** What `--help` prints. */
export const USAGE = `A bank on worker threads, and a client process that sends it real HTTP requests.

  --quick         5,000 requests instead of 50,000
  --requests N    how many requests, 1,000 to 10,000,000
  --kill-worker   kill a worker in the middle
  --workers N     worker threads, 0 to 64 (default: one for each core)
  --seed N        which requests, 0 to 4,294,967,295 (default 1)
  --port N        where the bank listens (default: a free port)
  --db PATH       keep the books in this file (default: a temporary one, removed at the end)
  --help          print this`;

const REQUESTS = 50_000;
const REQUESTS_QUICK = 5_000;

/** Reads the command line. Throws with all that is wrong with it. */
export function demoOptionsOf(args: readonly string[]): DemoOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      client: { type: "string" },
      quick: { type: "boolean", default: false },
      requests: { type: "string" },
      "kill-worker": { type: "boolean", default: false },
      workers: { type: "string" },
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
  const options: DemoOptions = {
    client: values.client,
    requests: whole("requests", values.requests ?? `${values.quick ? REQUESTS_QUICK : REQUESTS}`, 1_000, 10_000_000),
    seed: whole("seed", values.seed, 0, 2 ** 32 - 1),
    port: whole("port", values.port, 0, 65_535),
    workers: values.workers === undefined ? undefined : whole("workers", values.workers, 0, 64),
    db: values.db,
    killWorker: values["kill-worker"],
    help: values.help,
  };
  if (options.killWorker && options.workers === 0) problems.push("--kill-worker needs a worker to kill");
  if (problems.length > 0) throw new Error(problems.join("\n"));
  return options;
}
