/**
 * A program of the examples as a process of its own, on the runtime that runs the test. Ended by its id when the test
 * lets go of it.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { connect } from "node:net";
import process from "node:process";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { freePorts } from "../../examples/demo/ports.ts";
import { commandFor } from "../../mod.ts";

/** How a program ended. */
export interface Ended {
  readonly code: number | null;
  readonly lines: readonly string[];
}

const ROOT = new URL("../../", import.meta.url);
/** Milliseconds a condition has to come true. */
const PATIENCE_MS = 30_000;
const LOOK_MS = 50;

/** A program that runs. */
export class Program implements AsyncDisposable {
  /** What it has printed. */
  readonly lines: string[] = [];
  readonly #child: ChildProcess;
  readonly #closed: Promise<number | null>;
  #hasClosed = false;

  /** @param path From the root of the repository. */
  constructor(path: string, args: readonly string[]) {
    const { command, args: all } = commandFor(new URL(path, ROOT), args);
    const child = this.#child = spawn(command, all, { stdio: ["ignore", "pipe", "ignore"], cwd: fileURLToPath(ROOT) });
    createInterface({ input: child.stdout }).on("line", (line) => this.lines.push(line));
    this.#closed = new Promise((resolve, reject) => {
      child.once("error", reject);
      child.once("close", resolve);
    });
    this.#closed.finally(() => {
      this.#hasClosed = true;
    }).catch(() => {}); // Whoever waits for its end is told.
  }

  /** Runs it to its end. */
  static async run(path: string, args: readonly string[]): Promise<Ended> {
    await using program = new Program(path, args);
    return await program.ended();
  }

  async ended(): Promise<Ended> {
    return { code: await this.#closed, lines: this.lines };
  }

  /** Sends it a signal, by its id. */
  signal(signal: "SIGINT" | "SIGTERM" | "SIGKILL"): void {
    const { pid } = this.#child;
    if (pid !== undefined && !this.#hasClosed) process.kill(pid, signal);
  }

  /** The first line that matches, as soon as it is there. Rejects when the program ends before, or time is up. */
  async line(pattern: RegExp): Promise<string> {
    const find = () => this.lines.find((line) => pattern.test(line));
    await until(() => find() !== undefined || this.#hasClosed);
    const found = find();
    if (found === undefined) throw new Error(`no line like ${pattern}:\n${this.lines.join("\n")}`);
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.signal("SIGKILL");
    await this.#closed.catch(() => {});
  }
}

/** The ports in `text`, of addresses such as `127.0.0.1:8080`. */
export function portsIn(text: string): readonly number[] {
  return Array.from(text.matchAll(/127\.0\.0\.1:(\d+)/g), ([, port]) => Number(port));
}

/** The first of `count` ports in a row that are free now. */
export async function freeRow(count: number): Promise<number> {
  for (;;) {
    const first = 20_000 + Math.floor(Math.random() * 10_000);
    const row = await freePorts(count, first).catch(() => undefined); // one of them is taken: look elsewhere
    if (row !== undefined) return first;
  }
}

/** Resolves when nobody listens on any of `ports`: whoever did is gone. */
export async function untilClosed(ports: readonly number[]): Promise<void> {
  await until(async () => !(await Promise.all(ports.map(isOpen))).includes(true));
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = performance.now() + PATIENCE_MS;
  while (!await isSo()) {
    if (performance.now() > endMs) throw new Error(`still not after ${PATIENCE_MS} ms`);
    await delay(LOOK_MS);
  }
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
