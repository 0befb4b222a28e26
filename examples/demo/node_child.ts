/**
 * One node of the bank as a process, seen from outside: started, listened to, killed, started again at the same ports,
 * stopped. Touches processes.
 *
 * Invariant: whatever was started here is gone when `end` has resolved.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import type { CommandLine } from "../../mod.ts";
import { decodeLine, type NodeLine, type SeenEvent } from "../bank/node_lines.ts";
import { KILL_WORKER } from "../bank/node_orders.ts";

/** Milliseconds from the start of a process until its node must be ready. */
const READY_MS = 90_000;
/** Milliseconds a node has to stop in good order. */
const STOP_MS = 20_000;
/** Lines of its log that are kept, the last ones. */
const LOG_LINES_MAX = 200;
/** Events that are kept. A node sees a few for each change of its cluster. */
const EVENTS_MAX = 10_000;

/** How a node is run. */
export interface NodeProgram extends CommandLine {
  /** The folder it runs in; this process's own by default. */
  readonly cwd?: string;
}

/** A node that serves. */
export type Ready = Extract<NodeLine, { kind: "ready" }>;

/** An event, and when the node saw it by the machine's clock. */
export interface TimedEvent {
  readonly atMs: number;
  readonly event: SeenEvent;
}

/** One node and all its lives. */
export class NodeChild {
  readonly name: string;
  /** The address other nodes know it by, in every life. */
  readonly address: string;
  /** Where it serves customers, in every life. */
  readonly url: string;
  /** What its lives have seen, in order; mutable. */
  readonly events: TimedEvent[] = [];
  /** The last lines of its logs; mutable. */
  readonly log: string[] = [];
  readonly #program: NodeProgram;
  readonly #heard = new Set<() => void>();
  readonly #listeners: ((event: SeenEvent) => void)[] = [];
  #child: ChildProcess | undefined = undefined;
  #ready: Ready | undefined = undefined;
  #failure: string | undefined = undefined;
  #hasStopped = false;

  constructor(name: string, address: string, url: string, program: NodeProgram) {
    this.name = name;
    this.address = address;
    this.url = url;
    this.#program = program;
  }

  /** What its present life has said when it was ready. */
  get ready(): Ready | undefined {
    return this.#ready;
  }

  /** The id of its process; `undefined` while none runs. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Whether its process runs. */
  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  /** Calls `listener` with every event that it says from now on. */
  onEvent(listener: (event: SeenEvent) => void): void {
    this.#listeners.push(listener);
  }

  /** Begins a life; resolves when it serves. Rejects when it ends before that, or takes longer than {@link READY_MS}. */
  async start(signal: AbortSignal): Promise<Ready> {
    const { command, args, cwd } = this.#program;
    this.#ready = undefined;
    this.#failure = undefined;
    this.#hasStopped = false;
    // In a group of its own: Ctrl-C is for whoever started the nodes, who then stops them in order.
    const child = spawn(command, args, { cwd, stdio: ["pipe", "pipe", "pipe"], detached: true });
    this.#child = child;
    child.on("error", (error) => {
      this.#failure = error.message;
      this.#ended(child);
    });
    // Not `exit`: then its last lines may still be on their way.
    child.on("close", () => this.#ended(child));
    child.stdin.on("error", () => {}); // It may be gone before an order reaches it.
    createInterface({ input: child.stdout }).on("line", (text) => this.#hear(text, child));
    createInterface({ input: child.stderr }).on("line", (text) => this.#note(text));
    await this.until(() => this.#ready !== undefined || this.#child !== child, READY_MS, signal);
    if (this.#ready !== undefined) return this.#ready;
    const why = this.#failure ?? this.log.at(-1) ?? "it said nothing";
    throw new Error(`${this.name} ${this.isRunning ? `was not ready in ${READY_MS} ms` : "ended"}: ${why}`);
  }

  /** Ends its life as a power cut would. */
  kill(): void {
    this.#signal("SIGKILL");
  }

  /** Ends a worker thread of it, as a bug would. */
  killWorker(): void {
    this.#child?.stdin?.write(`${KILL_WORKER}\n`);
  }

  /** Asks it to leave in good order, and kills it when it takes longer than {@link STOP_MS}. Whether it did leave so. */
  async end(): Promise<boolean> {
    const child = this.#child;
    if (child === undefined) return this.#hasStopped;
    this.#signal("SIGTERM");
    await this.until(() => this.#child !== child, STOP_MS, undefined);
    if (this.#child === child) this.kill();
    await this.until(() => this.#child !== child, STOP_MS, undefined);
    return this.#hasStopped;
  }

  /** Waits until `isSo`, looking whenever the node says something; whether it was so within `limitMs`. */
  async until(isSo: () => boolean, limitMs: number, signal: AbortSignal | undefined): Promise<boolean> {
    const over = new AbortController();
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = () => isSo() && resolve();
    this.#heard.add(look);
    try {
      look();
      const late = delay(limitMs, undefined, { signal: AbortSignal.any([over.signal, ...(signal ? [signal] : [])]) });
      await Promise.race([promise, late]);
      return isSo();
    } finally {
      this.#heard.delete(look);
      over.abort();
    }
  }

  /** By its id: `child.kill` of Deno takes a process for ended that was only told to. */
  #signal(signal: "SIGTERM" | "SIGKILL"): void {
    const pid = this.#child?.pid;
    if (pid === undefined) return;
    try {
      process.kill(pid, signal);
    } catch {
      // It has ended by itself, and will be heard to.
    }
  }

  #hear(text: string, child: ChildProcess): void {
    const line = decodeLine(text);
    if (line === undefined) return this.#note(text);
    if (line.kind === "ready" && child === this.#child) this.#ready = line;
    if (line.kind === "failed") this.#failure = line.reason;
    if (line.kind === "stopped") this.#hasStopped = true;
    if (line.kind === "event") this.#see(line);
    for (const look of this.#heard) look();
  }

  #see({ atMs, event }: TimedEvent): void {
    if (this.events.length < EVENTS_MAX) this.events.push({ atMs, event });
    for (const listener of this.#listeners) listener(event);
  }

  #note(text: string): void {
    this.log.push(text);
    if (this.log.length > LOG_LINES_MAX) this.log.shift();
  }

  #ended(child: ChildProcess): void {
    if (this.#child === child) this.#child = undefined;
    for (const look of this.#heard) look();
  }
}
