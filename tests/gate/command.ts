/**
 * Runs one command with a limit on its time. Touches the world: starts and kills processes.
 *
 * One idea: the command leads a process group of its own, so that what it started goes when it goes; a test that forgets
 * a server can't hold up the gate or the next suite.
 *
 * Invariant: when the promise settles no process of the group is left, however the command ended.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";

/** How a command ended. */
export type CommandEnd =
  | { readonly kind: "exited"; readonly code: number }
  | { readonly kind: "killed"; readonly signal: string }
  /** It was still running at its limit, and was killed. */
  | { readonly kind: "late" }
  | { readonly kind: "not-started"; readonly reason: string };

/**
 * Runs `command`. Never rejects.
 *
 * @param limitMs Milliseconds until the process group is killed.
 * @param output Where what it prints goes: where ours goes, or to an open file.
 */
export function runCommand(
  command: readonly string[],
  folder: string,
  limitMs: number,
  output: "inherit" | number = "inherit",
): Promise<CommandEnd> {
  const [program = "", ...parameters] = command;
  const child = spawn(program, parameters, { cwd: folder, stdio: ["ignore", output, output], detached: true });
  return new Promise((resolve) => {
    let isLate = false;
    const limit = setTimeout(() => {
      isLate = true;
      killGroup(child);
    }, limitMs);
    const onInterrupt = (signal: NodeJS.Signals): void => {
      killGroup(child);
      process.exit(signal === "SIGINT" ? 130 : 143);
    };
    const end = (how: CommandEnd): void => {
      clearTimeout(limit);
      for (const signal of INTERRUPTS) process.off(signal, onInterrupt);
      killGroup(child);
      resolve(isLate ? { kind: "late" } : how);
    };
    for (const signal of INTERRUPTS) process.on(signal, onInterrupt);
    child.once("error", (error) => end({ kind: "not-started", reason: error.message }));
    child.once("exit", (code, signal) => {
      end(code === null ? { kind: "killed", signal: signal ?? "unknown" } : { kind: "exited", code });
    });
  });
}

/** Our group isn't the command's: a Ctrl-C reaches us only, and has to be passed on. */
const INTERRUPTS = ["SIGINT", "SIGTERM"] as const;

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // Nobody is left in the group: what we wanted.
  }
}
