/**
 * What the messages of simulated actors carry. Pure.
 *
 * @module
 */
import { type NodeId, nodeId } from "../core/ids.ts";
import type { Version } from "../cluster/engine.ts";

/** A message of these actors' world. */
export interface SimulatedMessage {
  /** Who sent it, a node's user or one activation, and as which of its messages to this target. */
  readonly sender: string;
  readonly seq: number;
  /** How often it may still lead to other messages. */
  readonly hops: number;
  /** The node that sent it, as it was called when the sender began. */
  readonly by: NodeId;
}

/** What a handler answers. */
export interface SimulatedReply {
  readonly seq: number;
  /** The node whose activation answers, as it was called when that began. */
  readonly by: NodeId;
}

/** The message in a frame. */
export function messageIn(payload: unknown): SimulatedMessage | undefined {
  if (typeof payload !== "object" || payload === null) return undefined;
  if (!("sender" in payload && "seq" in payload && "hops" in payload && "by" in payload)) return undefined;
  const { sender, seq, hops, by } = payload;
  if (typeof sender !== "string" || typeof seq !== "number" || typeof hops !== "number") return undefined;
  return typeof by === "string" ? { sender, seq, hops, by: nodeId(by) } : undefined;
}

/** The node that has made an answer; `undefined` when no handler has. */
export function answererIn(value: unknown): NodeId | undefined {
  if (typeof value !== "object" || value === null || !("by" in value)) return undefined;
  return typeof value.by === "string" ? nodeId(value.by) : undefined;
}

/** A token in words. */
export function tokenText({ cfg, seq }: Version): string {
  return `${cfg}.${seq}`;
}
