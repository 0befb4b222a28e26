/**
 * The demo as a command: reads its command line, runs, and says how it ended. Touches the process.
 *
 * @module
 */
import type { FleetOptions } from "./fleet.ts";
import { type DemoOptions, demoOptionsOf, USAGE } from "./options.ts";
import { runDemo } from "./run.ts";

/** Runs what `args` say, with nodes as `programsOf` has them. The exit code: 2 when the command line makes no sense. */
export async function mainOfDemo(
  args: readonly string[],
  programsOf: (options: DemoOptions) => FleetOptions["programOf"],
): Promise<number> {
  let options: DemoOptions;
  try {
    options = demoOptionsOf(args);
  } catch (thrown) {
    console.error(thrown instanceof Error ? thrown.message : String(thrown));
    return 2;
  }
  if (options.help) {
    console.log(USAGE);
    return 0;
  }
  const { isOk, text } = await runDemo(options, programsOf(options));
  console.log(`verdict: ${text}`);
  return isOk ? 0 : 1;
}
