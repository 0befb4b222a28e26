/**
 * The client as a process: both of its ends. In the demo it is started and listened to; in the process itself
 * it runs and speaks.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";
import { commandFor } from "../../mod.ts";
import { runClient } from "./client.ts";
import { type ClientReport, decodeLine, encodeLine } from "./client_report.ts";
import type { DemoOptions } from "./options.ts";

/** Milliseconds between two lines of progress. */
const PROGRESS_MS = 200;
/** Milliseconds without a line after which the client is given up. Longer than its longest wait for the bank. */
const SILENCE_MS = 60_000;
/** With these somebody stops the demo: it stops the client, and then goes its own way to the end. */
const INTERRUPTS = ["SIGINT", "SIGTERM"] as const;

/** Runs the client in this process, and says on standard output how far it is and how it ended. */
export async function speakAsClient(url: string, { requests, seed }: DemoOptions): Promise<number> {
  endWithParent();
  let sent = 0;
  const say = setInterval(() => console.log(encodeLine({ kind: "progress", sent })), PROGRESS_MS);
  const progress = (count: number) => {
    sent = count;
  };
  const run = `s${seed}-${Date.now().toString(36)}`;
  const last = await runClient({ url, requests, seed, run, progress }).then(
    (report) => encodeLine({ kind: "report", report }),
    (thrown) => encodeLine({ kind: "gave-up", reason: String(thrown) }),
  );
  clearInterval(say);
  console.log(last);
  return 0;
}

/** Standard input is open as long as the demo lives. Without it this process would go on asking a bank that is gone. */
function endWithParent(): void {
  process.stdin.once("end", () => process.exit(1));
  process.stdin.resume();
}

/**
 * Starts a client process and listens until it reports. Rejects when it ends, or is silent for
 * {@link SILENCE_MS}, without a report. No process is left behind.
 *
 * @param entry The program that runs as a client when it is told `--client url`.
 */
export async function clientReport(
  entry: string,
  url: string,
  { requests, seed }: DemoOptions,
  progress: (sent: number) => void,
): Promise<ClientReport> {
  const args = ["--client", url, "--requests", `${requests}`, "--seed", `${seed}`];
  // The same program in another process: in a single binary there is no other file to run.
  const { command, args: all } = commandFor(entry, args);
  const child = spawn(command, all, { stdio: ["pipe", "pipe", "inherit"] });
  const interrupt = () => child.kill();
  for (const signal of INTERRUPTS) process.once(signal, interrupt);
  try {
    return await reportOf(child, progress);
  } finally {
    for (const signal of INTERRUPTS) process.off(signal, interrupt);
    child.kill();
  }
}

function reportOf(child: ChildProcess, progress: (sent: number) => void): Promise<ClientReport> {
  return new Promise((resolve, reject) => {
    const { stdout } = child;
    if (stdout === null) return reject(new Error("Cannot listen to the client: it has no standard output"));
    const silence = setTimeout(() => reject(new Error(`the client said nothing for ${SILENCE_MS} ms`)), SILENCE_MS);
    const lines = createInterface({ input: stdout });
    lines.on("line", (text) => {
      silence.refresh();
      try {
        const line = decodeLine(text);
        if (line.kind === "progress") progress(line.sent);
        else if (line.kind === "report") resolve(line.report);
        else reject(new Error(`the client gave up: ${line.reason}`));
      } catch (thrown) {
        reject(thrown);
      }
    });
    child.once("error", reject);
    child.once("close", (code, signal) => reject(new Error(`the client ended (${signal ?? code}) without a report`)));
    child.once("close", () => clearTimeout(silence));
  });
}
