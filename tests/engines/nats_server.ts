/**
 * A real nats-server of a test, on a free loopback port, in a folder of its own. Touches processes and files.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { it } from "node:test";
import { eventually } from "../discovery/awaiting.ts";

/**
 * Declares tests that need programs of the machine: those of `declare`, or, where one of `programs` isn't there, a single
 * skipped one that says so. Each file has a test to report then.
 */
export function testsWith(programs: readonly string[], name: string, declare: () => void): void {
  const missing = programs.find((program) => !isOnPath(program));
  if (missing === undefined) return declare();
  const skip = `${missing} is not on the PATH`;
  it(`${name} (${skip})`, { skip }, () => {});
}

/** Whether a program is there, by asking for its version. */
function isOnPath(program: string): boolean {
  const version = program === "openssl" ? "version" : "--version";
  return spawnSync(program, [version], { stdio: "ignore" }).status === 0;
}

/** A server that was started, and may be killed and started again on the same port. */
export class NatsServerOfTest {
  readonly #folder: string;
  #config: string;
  #said = "";
  #process: ChildProcess | undefined;
  #port = -1;

  private constructor(folder: string, config: string) {
    this.#folder = folder;
    this.#config = config;
  }

  /**
   * Starts a server.
   *
   * @param config Lines of its configuration, beside where it listens. `FOLDER` stands for its folder.
   * @param files What its folder holds beside: names and texts.
   */
  static async start(config: string = "", files: Readonly<Record<string, string>> = {}): Promise<NatsServerOfTest> {
    const folder = mkdtempSync(join(tmpdir(), "troupe-nats-"));
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    const server = new NatsServerOfTest(folder, config.replaceAll("FOLDER", folder));
    await server.startAgain();
    return server;
  }

  /** `nats://host:port`. */
  get url(): string {
    return `nats://127.0.0.1:${this.#port}`;
  }

  /** Starts it once more, on the port it had; with another configuration, if one is given. */
  async startAgain(config: string = this.#config): Promise<void> {
    this.#config = config;
    const file = join(this.#folder, "server.conf");
    writeFileSync(file, `listen: "127.0.0.1:${this.#port}"\n${this.#config}\n`);
    const child = spawn("nats-server", ["-c", file], { stdio: ["ignore", "ignore", "pipe"] });
    this.#process = child;
    this.#said = "";
    child.stderr?.on("data", (bytes) => this.#said += String(bytes));
    await eventually("nats-server is ready", () => {
      assert.equal(child.exitCode, null, this.#said);
      return this.#said.includes("Server is ready");
    });
    this.#port = Number(/client connections on [^ ]*:(\d+)/.exec(this.#said)?.[1]);
  }

  /** How often its log has these words since it was started. */
  said(words: string): number {
    return this.#said.split(words).length - 1;
  }

  /** Ends it at once. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    send(child, "SIGKILL");
    await ended;
  }

  /** Makes it stand still: its connections stay open, and nobody answers on them. Resolves when all its threads do. */
  async pause(): Promise<void> {
    const child = this.#process;
    send(child, "SIGSTOP");
    await eventually("nats-server stands still", () => statesOf(child).every((state) => state === "T"));
  }

  /** Ends that. */
  resume(): void {
    send(this.#process, "SIGCONT");
  }

  /** Ends it for good. */
  async dispose(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** By its id: on Deno a child takes one signal only. */
function send(child: ChildProcess | undefined, signal: "SIGKILL" | "SIGSTOP" | "SIGCONT"): void {
  if (child?.pid !== undefined) process.kill(child.pid, signal);
}

/** The states of its threads, as Linux tells them. */
function statesOf(child: ChildProcess | undefined): readonly (string | undefined)[] {
  const folder = `/proc/${child?.pid}/task`;
  return readdirSync(folder).map((thread) => {
    return /\) (\w)/.exec(readFileSync(`${folder}/${thread}/stat`, "utf8"))?.[1];
  });
}
