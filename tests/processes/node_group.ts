/**
 * The nodes of one cluster, each in a process of its own, with the files they share; and waiting for what must come of it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { freePorts } from "../../examples/demo/ports.ts";
import type { ClusterFact } from "../../mod.ts";
import { NodeChild, type SeenFact } from "./node_child.ts";
import type { NodeReport, NodeSettings } from "./node_words.ts";
import { createRunLog, readRunLog, type RunLine, type Standstill } from "./run_log.ts";

/** After this a condition that has not come true never will: a limit, not an expectation. */
const PATIENCE_MS = 40_000;
/** Milliseconds without a new view after which a cluster is at rest: many times what the next step of anything takes. */
const REST_MS = 1_000;

/** What the nodes of a group have in common. */
export type GroupOptions =
  & {
    readonly names: readonly string[];
    /** The names of those that decide; without them most of the oldest do. */
    readonly seeds?: readonly string[];
  }
  & Partial<Pick<NodeSettings, "minimumPeersQuorum" | "profile" | "bootstrapTimeoutMs" | "secret">>;

/** The group. */
export class NodeGroup {
  /** The latest process of each name. */
  readonly nodes = new Map<string, NodeChild>();
  /** Every process there was. */
  readonly all: NodeChild[] = [];
  readonly storePath: string;
  readonly runsPath: string;
  readonly #folder: string;
  readonly #common: Omit<NodeSettings, "name" | "port" | "advertisedPort">;
  readonly #ports: ReadonlyMap<string, Ports>;

  private constructor(options: GroupOptions, ports: ReadonlyMap<string, Ports>) {
    const { names } = options;
    this.#ports = ports;
    this.#folder = mkdtempSync(join(tmpdir(), "troupe-nodes-"));
    this.storePath = join(this.#folder, "states.db");
    this.runsPath = join(this.#folder, "runs.jsonl");
    createRunLog(this.runsPath);
    const addressOf = (name: string) => `127.0.0.1:${this.portsOf(name).advertised}`;
    this.#common = {
      cluster: "nodes",
      addresses: names.map(addressOf),
      seeds: options.seeds?.map(addressOf),
      minimumPeersQuorum: options.minimumPeersQuorum ?? Math.floor(names.length / 2) + 1,
      profile: options.profile ?? "default",
      bootstrapTimeoutMs: options.bootstrapTimeoutMs ?? 30_000,
      roles: [],
      partitionCount: 271,
      secret: options.secret,
      storePath: this.storePath,
      runsPath: this.runsPath,
    };
  }

  /** A group of which nobody runs. With `isApart` each node has a second port, by which the others are told to reach it. */
  static async create(options: GroupOptions, isApart = false): Promise<NodeGroup> {
    const { names } = options;
    const ports = await freePorts(isApart ? 2 * names.length : names.length);
    const portsOf = new Map(names.map((name, index) => {
      const own = ports[index] ?? 0;
      return [name, { own, advertised: isApart ? ports[names.length + index] ?? 0 : own }];
    }));
    return new NodeGroup(options, portsOf);
  }

  /** The ports of one node. */
  portsOf(name: string): Ports {
    const ports = this.#ports.get(name);
    assert.ok(ports !== undefined, `${name} is one of the group`);
    return ports;
  }

  /** Every name. */
  get names(): readonly string[] {
    return [...this.#ports.keys()];
  }

  /** The process of a name. */
  node(name: string): NodeChild {
    const node = this.nodes.get(name);
    assert.ok(node !== undefined, `${name} was started`);
    return node;
  }

  /** Those that run and are not held. */
  get running(): readonly NodeChild[] {
    return [...this.nodes.values()].filter((node) => node.isRunning);
  }

  /** Begins a process, at the address its name has had all along. */
  begin(name: string, changes: Partial<NodeSettings> = {}): NodeChild {
    const { own, advertised } = this.portsOf(name);
    const node = new NodeChild({ name, port: own, advertisedPort: advertised, ...this.#common, ...changes });
    this.nodes.set(name, node);
    this.all.push(node);
    return node;
  }

  /** Begins processes and waits until all are ready. */
  async start(...names: readonly string[]): Promise<readonly NodeChild[]> {
    const nodes = names.map((name) => this.begin(name));
    await Promise.all(nodes.map((node) => this.ready(node)));
    return nodes;
  }

  /** Waits until a node is ready. */
  async ready(node: NodeChild): Promise<NodeReport> {
    return await this.eventually(`${node.name} is ready`, () => {
      assert.equal(node.refusal, undefined, `${node.name} did not start`);
      assert.equal(node.exit, undefined, `${node.name} ended: ${node.log}`);
      return node.first;
    });
  }

  /** Waits until a node was refused. */
  async refused(node: NodeChild): Promise<NonNullable<NodeChild["refusal"]>> {
    return await this.eventually(`${node.name} is refused`, () => {
      assert.equal(node.first, undefined, `${node.name} started`);
      return node.refusal;
    });
  }

  /** Resolves when `check` answers something other than `false` or `undefined`, with that. Says how all nodes are otherwise. */
  async eventually<T>(
    what: string,
    check: () => T | false | undefined | Promise<T | false | undefined>,
    patienceMs = PATIENCE_MS,
  ): Promise<T> {
    const endMs = performance.now() + patienceMs;
    for (;;) {
      const answer = await check();
      if (answer !== false && answer !== undefined) return answer;
      if (performance.now() >= endMs) {
        assert.fail(`still not after ${patienceMs} ms: ${what}\n${await this.describe()}`);
      }
      await delay(20);
    }
  }

  /** Waits until `node` has seen a fact, from the `after`th on. */
  async saw<Type extends ClusterFact["type"]>(
    node: NodeChild,
    type: Type,
    test: (fact: Extract<ClusterFact, { type: Type }>) => boolean = () => true,
    after = 0,
  ): Promise<SeenFact> {
    return await this.eventually(
      `${node.name} sees ${type}`,
      () => node.facts.slice(after).find(({ fact }) => isOf(fact, type) && test(fact)),
    );
  }

  /**
   * Waits until exactly these nodes are in one cluster and agree, and no view has followed for a while. A node that joined
   * votes only in a later view than the one that lets it in, and a cluster that is cut while its voters change may have no
   * majority anywhere until it is mended.
   */
  async settled(...names: readonly string[]): Promise<readonly NodeReport[]> {
    let [before, sinceMs] = ["", 0];
    return await this.eventually(`${names.join(", ")} are one cluster, at rest`, async () => {
      await delay(REST_MS / 10);
      const reports = await this.#agreed(names);
      if (reports === undefined) return undefined;
      const epochs = `${await Promise.all(names.map((name) => epochAt(this.node(name))))}`;
      if (epochs !== before) [before, sinceMs] = [epochs, performance.now()];
      return performance.now() - sinceMs > REST_MS && reports;
    });
  }

  /** What these nodes say, when they are all of a cluster, ready, and say the same of it. */
  async #agreed(names: readonly string[]): Promise<readonly NodeReport[] | undefined> {
    const reports: NodeReport[] = [];
    for (const name of names) {
      const report = await this.node(name).report();
      if (report === undefined || !report.isReady) return undefined;
      reports.push(report);
    }
    const [first] = reports;
    const ids = reports.map(({ id }) => id).sort();
    const agree = reports.every(({ members, leader }) =>
      `${[...members].sort()}` === `${ids}` && `${members}` === `${first?.members}` && leader === first?.leader
    );
    return agree && reports.filter(({ isLeader }) => isLeader).length === 1 ? reports : undefined;
  }

  /** What all actors did so far, in order. */
  runs(): readonly RunLine[] {
    return readRunLog(this.runsPath);
  }

  /** When which process stood still. */
  get standstills(): readonly Standstill[] {
    return this.all.flatMap(({ standstills }) => standstills);
  }

  /** How everything is, for whoever reads why a test failed. */
  async describe(): Promise<string> {
    const parts: string[] = [];
    for (const node of this.all) {
      const { name, pid, exit, isRunning, facts, log } = node;
      const report = await node.report();
      const how = exit !== undefined ? `ended ${JSON.stringify(exit)}` : isRunning ? "runs" : "is held";
      parts.push(
        `=== ${name} (process ${pid}) ${how}`,
        `report: ${JSON.stringify(report)}`,
        ...facts.slice(-30).map(({ atMs, fact }) => `${atMs} ${JSON.stringify(fact)}`),
        log.slice(-4_000),
      );
    }
    return parts.join("\n");
  }

  /** Ends all processes and removes the files. */
  async end(): Promise<void> {
    await Promise.all(this.all.map((node) => node.kill()));
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Where a node listens, and where others reach it. */
export interface Ports {
  readonly own: number;
  readonly advertised: number;
}

function isOf<Type extends ClusterFact["type"]>(
  fact: ClusterFact,
  type: Type,
): fact is Extract<ClusterFact, { type: Type }> {
  return fact.type === type;
}

/** The number of the view a node has, as its metrics say; empty when they don't. */
async function epochAt({ settings: { port } }: NodeChild): Promise<string> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/metrics`);
    return /^troupe_view_epoch(?:\{.*\})? (\d+)$/m.exec(await response.text())?.[1] ?? "";
  } catch {
    return "";
  }
}
