/**
 * What a test and the processes of its nodes say to each other: lines of JSON, orders one way, and answers and what happens
 * the other. Pure.
 *
 * @module
 */
import type { ClusterFact, Fate } from "../../mod.ts";

/** How one node is set up. */
export interface NodeSettings {
  /** What the test calls it: it stands in every line. */
  readonly name: string;
  /** The system's, which is the cluster's. */
  readonly cluster: string;
  /** Where it listens. */
  readonly port: number;
  /** What others are told to dial; where it differs from `port`, somebody in between forwards. */
  readonly advertisedPort: number;
  /** `host:port` of every node there is to be. */
  readonly addresses: readonly string[];
  /** The addresses that decide; without them most of the oldest do. */
  readonly seeds: readonly string[] | undefined;
  readonly minimumPeersQuorum: number;
  readonly profile: "default" | "fast";
  readonly bootstrapTimeoutMs: number;
  readonly roles: readonly string[];
  readonly partitionCount: number;
  /** Without one, links need none. */
  readonly secret: string | undefined;
  /** The SQLite file that all nodes share. */
  readonly storePath: string;
  /** The file to which all nodes append what their actors do. */
  readonly runsPath: string;
}

/** What a test asks of a node. */
export type NodeOrder =
  | {
    readonly do: "ask";
    readonly to: "grain" | "actor";
    readonly kind: string;
    readonly name: string;
    readonly handler: string;
    readonly args: readonly unknown[];
    readonly timeoutMs: number;
  }
  | {
    readonly do: "spawn";
    readonly kind: string;
    readonly name: string;
    readonly placement: "round-robin" | "random" | "least-load" | "local";
    readonly timeoutMs: number;
  }
  | { readonly do: "singleton" | "locate"; readonly kind: string; readonly name: string }
  | { readonly do: "stop"; readonly name: string }
  | { readonly do: "actors"; readonly node?: string }
  | { readonly do: "report" }
  /** Leaves in good order; the process ends after its answer. */
  | { readonly do: "leave" };

/** A failure, as far as a test looks at it. */
export interface SeenFailure {
  readonly code: string;
  readonly fate: Fate;
  readonly message: string;
}

/** How a node is. */
export interface NodeReport {
  readonly id: string;
  readonly address: string;
  readonly members: readonly string[];
  readonly leader: string | undefined;
  readonly isLeader: boolean;
  readonly isReady: boolean;
  readonly reasons: readonly string[];
  /** Milliseconds by which a timer of the main thread was late, at most: since the last report, and ever. */
  readonly lagMs: number;
  readonly lagMsMax: number;
}

/** What a node says. */
export type NodeLine =
  | { readonly line: "ready"; readonly atMs: number; readonly report: NodeReport }
  | { readonly line: "refused"; readonly failure: SeenFailure }
  | { readonly line: "event"; readonly atMs: number; readonly fact: ClusterFact }
  | { readonly line: "answer"; readonly id: number; readonly tookMs: number; readonly value: unknown }
  | { readonly line: "failed"; readonly id: number; readonly tookMs: number; readonly failure: SeenFailure };

const LINES: ReadonlySet<unknown> = new Set<NodeLine["line"]>(["ready", "refused", "event", "answer", "failed"]);

/**
 * Reads a line; `undefined` when it is none: whatever else a runtime prints. The nodes are our own, so what has the form is
 * believed.
 */
export function readLine(text: string): NodeLine | undefined {
  if (!text.startsWith("{")) return undefined;
  try {
    const raw: { readonly line?: unknown } = JSON.parse(text);
    return LINES.has(raw.line) ? raw as NodeLine : undefined;
  } catch {
    return undefined;
  }
}
