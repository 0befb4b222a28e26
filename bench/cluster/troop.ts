/**
 * A few nodes as child processes, and what a scenario does to them: ask, stop, kill. Starts processes and ends those
 * that it started, by their pids; each wait has a limit.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import process from "node:process";
import { clearTimeout, setTimeout } from "node:timers";
import { scriptCommand } from "../child.ts";
import type { Outcome } from "../contestant.ts";
import { type Answer, answerIn, lineOf, type NodeSettings } from "./node_lines.ts";
import { freePorts } from "../../examples/demo/ports.ts";

/** Milliseconds until all nodes are in their cluster: founding alone takes 6.3 s. */
const READY_MS = 40_000;

/** One node. */
export class TroopNode {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #id = 0;

  constructor(child: ChildProcess) {
    this.#child = child;
    if (child.stdout !== null) createInterface({ input: child.stdout }).on("line", (line) => this.#heard(line));
    child.on("exit", () => {
      for (const [id, end] of [...this.#waiting]) end({ id, error: "the node's process has ended" });
    });
  }

  /** The process. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Asks for a command of `commands.ts`. Rejects at the limit, with the node's own words, or when its process ends. */
  ask(command: string, argument: unknown, timeoutMs: number): Promise<unknown> {
    const id = ++this.#id;
    const answer = this.heard(id, timeoutMs, command);
    this.#child.stdin?.write(`${lineOf({ id, command, argument })}\n`);
    return answer;
  }

  /** The answer of an id. */
  async heard(id: number, timeoutMs: number, what: string): Promise<unknown> {
    const { promise, resolve } = Promise.withResolvers<Answer>();
    const timer = setTimeout(() => resolve({ id, error: `no answer to ${what} in ${timeoutMs} ms` }), timeoutMs);
    this.#waiting.set(id, resolve);
    const answer = await promise;
    clearTimeout(timer);
    this.#waiting.delete(id);
    if ("error" in answer) throw new Error(`${what}: ${answer.error}`);
    return answer.result;
  }

  /** Ends it at once. */
  kill(): void {
    this.#child.kill("SIGKILL");
  }

  /**
   * Stops the process for `seconds`, as a debugger or a bad disk would. Another process lets it go on, so that it does
   * even when this one is killed meanwhile: it could not notice that by itself.
   */
  freeze(seconds: number): void {
    spawn("sh", ["-c", `sleep ${seconds}; kill -CONT ${this.pid}`], { stdio: "ignore" }).unref();
    this.#child.kill("SIGSTOP");
  }

  #heard(line: string): void {
    const answer = answerIn(line);
    if (answer !== undefined) this.#waiting.get(answer.id)?.(answer);
  }
}

/** Nodes of one cluster. */
export class Troop implements Disposable {
  readonly nodes: readonly TroopNode[];

  private constructor(nodes: readonly TroopNode[]) {
    this.nodes = nodes;
  }

  /** Starts `count` nodes; resolves when all are in one cluster. */
  static async start(count: number, profile: NodeSettings["profile"] = "default"): Promise<Troop> {
    const ports = await freePorts(count);
    const troop = new Troop(ports.map((_, index) => startNode({ index, ports, profile })));
    try {
      await Promise.all(troop.nodes.map((node) => node.heard(0, READY_MS, "start")));
      await Promise.all(troop.nodes.map((node) => node.ask("whenMembers", count, READY_MS)));
      return troop;
    } catch (error) {
      troop[Symbol.dispose]();
      throw error;
    }
  }

  /** The node at `index`. */
  at(index: number): TroopNode {
    const node = this.nodes[index];
    if (node === undefined) throw new Error(`Cannot measure: there is no node ${index}`);
    return node;
  }

  /** Microseconds of processor time that all threads of all nodes have used. */
  async cpuMicros(): Promise<number> {
    const each = await Promise.all(this.nodes.map((node) => node.ask("cpuMicros", undefined, READY_MS)));
    return each.reduce((sum: number, micros) => sum + Number(micros), 0);
  }

  /** What `run` came to, and what each thing it delivered has cost in processor time: on a shared machine the fairer figure. */
  async costing(run: () => Promise<Outcome>): Promise<Outcome> {
    const before = await this.cpuMicros();
    const outcome = await run();
    const cpuMicrosEach = (await this.cpuMicros() - before) / outcome.delivered;
    return { ...outcome, extra: { ...outcome.extra, cpuMicrosEach } };
  }

  /** Ends all of them at once: what they hold is worth nothing. */
  [Symbol.dispose](): void {
    for (const node of this.nodes) node.kill();
  }
}

function startNode(settings: NodeSettings): TroopNode {
  const command = scriptCommand("./cluster/node.ts");
  if (command === undefined) throw new Error("Cannot measure: bench/cluster/node.ts is not there");
  const child = spawn(command.file, [...command.arguments, JSON.stringify(settings)], {
    env: { ...process.env, NO_COLOR: "1" },
    stdio: ["pipe", "pipe", "inherit"],
  });
  child.stdin?.on("error", () => {}); // It was killed while something was being said to it.
  return new TroopNode(child);
}
