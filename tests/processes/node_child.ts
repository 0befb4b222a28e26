/**
 * The process of one node, as a test holds it: what it said, what it is asked, and the signals it gets. Whoever made
 * it ends it; without its test it ends by itself, when nobody holds its standard input any more.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";
import { clearTimeout, setTimeout } from "node:timers";
import type { ClusterFact } from "../../mod.ts";
import { commandFor } from "../../system/platform.ts";
import {
  type NodeLine,
  type NodeOrder,
  type NodeReport,
  type NodeSettings,
  readLine,
  type SeenFailure,
} from "./node_words.ts";
import type { Standstill } from "./run_log.ts";

const PROGRAM = new URL("./node_main.ts", import.meta.url);
/** Characters of its log that are kept. */
const LOG_CHARS_MAX = 20_000;

/** Milliseconds after which what has not come never will: a limit, not an expectation. */
const PATIENCE_MS = 40_000;
/** Milliseconds a node has to say how it is. */
const REPORT_MS = 1_000;

/** How an order ended: by the node's word, or with its process. */
export type Outcome =
  | { readonly kind: "value"; readonly tookMs: number; readonly value: unknown }
  | { readonly kind: "failed"; readonly tookMs: number; readonly failure: SeenFailure }
  | { readonly kind: "gone" };

/** What has happened, by the node's wall clock. */
export interface SeenFact {
  readonly atMs: number;
  readonly fact: ClusterFact;
}

/** One process. */
export class NodeChild {
  readonly settings: NodeSettings;
  /** What it saw happen, in order. */
  readonly facts: SeenFact[] = [];
  /** When it was held, or killed, by this process's wall clock. */
  readonly standstills: Standstill[] = [];
  /** Why `start` rejected, if it did. */
  refusal: SeenFailure | undefined = undefined;
  /** Its report when it was ready. */
  first: NodeReport | undefined = undefined;
  /** How it ended. */
  exit: { readonly code: number | null; readonly signal: string | null } | undefined = undefined;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (outcome: Outcome) => void>();
  readonly #ended: Promise<void>;
  #log = "";
  #orderId = 0;
  #isHeld = false;

  constructor(settings: NodeSettings) {
    this.settings = settings;
    const { command, args } = commandFor(PROGRAM, []);
    const env = { ...process.env, TROUPE_TEST_NODE: JSON.stringify(settings) };
    const child = this.#child = spawn(command, args, { env, stdio: ["pipe", "pipe", "pipe"] });
    const { stdin, stdout, stderr } = child;
    assert.ok(stdin !== null && stdout !== null && stderr !== null, "all three are pipes");
    stdin.on("error", () => {}); // It is gone; `close` says so.
    createInterface({ input: stdout }).on("line", (text) => this.#heard(text));
    stderr.on("data", (chunk) => this.#log = (this.#log + String(chunk)).slice(-LOG_CHARS_MAX));
    this.#ended = new Promise((resolve) =>
      child.once("close", (code, signal) => {
        this.exit = { code, signal };
        for (const answer of this.#waiting.values()) answer({ kind: "gone" });
        this.#waiting.clear();
        resolve();
      })
    );
  }

  get name(): string {
    return this.settings.name;
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  get address(): string {
    return `127.0.0.1:${this.settings.advertisedPort}`;
  }

  /** Whether it runs, and is not held. */
  get isRunning(): boolean {
    return this.exit === undefined && !this.#isHeld;
  }

  /** Its own log, and what it printed beside its lines. */
  get log(): string {
    return this.#log;
  }

  /** Resolves with how `order` ended. Waits as long as the process takes: a process that is held answers when it goes on. */
  order(order: NodeOrder): Promise<Outcome> {
    if (this.exit !== undefined) return Promise.resolve({ kind: "gone" });
    const id = ++this.#orderId;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      this.#child.stdin?.write(JSON.stringify({ id, ...order }) + "\n");
    });
  }

  /** The value of `order`. Rejects when there is none. */
  async value(order: NodeOrder): Promise<unknown> {
    const outcome = await within(PATIENCE_MS, this.order(order));
    if (outcome?.kind === "value") return outcome.value;
    const why = outcome === undefined ? `no answer in ${PATIENCE_MS} ms` : JSON.stringify(outcome);
    throw new Error(`${this.name} does not ${JSON.stringify(order)}: ${why}\n${this.log}`);
  }

  /** How it is now; `undefined` when nobody says. */
  async report(): Promise<NodeReport | undefined> {
    if (!this.isRunning) return undefined;
    const outcome = await within(REPORT_MS, this.order({ do: "report" }));
    return outcome?.kind === "value" ? outcome.value as NodeReport : undefined;
  }

  /** Holds it: from here on it does nothing. */
  hold(): void {
    process.kill(this.pid, "SIGSTOP");
    this.#isHeld = true;
    this.standstills.push({ pid: this.pid, fromMs: Date.now(), untilMs: Infinity });
  }

  /** Lets it go on. */
  letGo(): void {
    const held = this.standstills.pop();
    if (held !== undefined) this.standstills.push({ ...held, untilMs: Date.now() });
    this.#isHeld = false;
    process.kill(this.pid, "SIGCONT");
  }

  /** Ends it at once. Safe to repeat. */
  async kill(): Promise<void> {
    if (this.exit === undefined) {
      this.#child.kill("SIGKILL");
      this.standstills.push({ pid: this.pid, fromMs: Date.now(), untilMs: Infinity });
    }
    await this.#ended;
  }

  /** Resolves when it has ended. Rejects when it does not. */
  async whenEnded(): Promise<void> {
    await within(PATIENCE_MS, this.#ended);
    assert.ok(this.exit !== undefined, `${this.name} still runs after ${PATIENCE_MS} ms\n${this.#log}`);
  }

  #heard(text: string): void {
    const line = readLine(text);
    if (line === undefined) {
      this.#log = `${this.#log}${text}\n`.slice(-LOG_CHARS_MAX);
      return;
    }
    this.#understood(line);
  }

  #understood(line: NodeLine): void {
    switch (line.line) {
      case "ready":
        this.first = line.report;
        return;
      case "refused":
        this.refusal = line.failure;
        return;
      case "event":
        this.facts.push({ atMs: line.atMs, fact: line.fact });
        return;
      case "answer":
        return this.#answered(line.id, { kind: "value", tookMs: line.tookMs, value: line.value });
      case "failed":
        return this.#answered(line.id, { kind: "failed", tookMs: line.tookMs, failure: line.failure });
      default:
        return line satisfies never;
    }
  }

  #answered(id: number, outcome: Outcome): void {
    this.#waiting.get(id)?.(outcome);
    this.#waiting.delete(id);
  }
}

/** What `promise` resolves to; `undefined` when that takes longer. */
async function within<T>(waitMs: number, promise: Promise<T>): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => timer = setTimeout(() => resolve(undefined), waitMs));
  const first = await Promise.race([promise, late]);
  clearTimeout(timer);
  return first;
}
