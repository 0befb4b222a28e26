/**
 * Asks owners on behalf of this node: finds the owner in the installed view, repeats with the same operation ids until
 * there is an answer, and says honestly when nobody knows. Pure; mutable, one per node identity.
 *
 * One idea: a request may reach owners many times, but it counts as answered only by the one it was last sent to, and an
 * owner runs it once. So what was answered does not happen again when a copy comes late.
 *
 * Invariant: every request ends once, at its deadline at the latest; a write that was sent and never answered ends
 * `indeterminate`.
 *
 * @module
 */
import { after, type Instant, type NodeId, type Partition } from "../core/ids.ts";
import type { EngineResult, Unavailable, UnavailableReason } from "./engine.ts";
import { OPERATIONS_MAX } from "./owner.ts";
import type { PartitionMessage, RegistryAnswer, RegistryOperation } from "./partition_protocol.ts";
import type { Now } from "./time.ts";
import { ownerOf, type View } from "./view.ts";

/** Requests of one node that wait for answers. At the limit: `busy`. */
const PENDING_MAX = 8_192;
/** Milliseconds between two sendings of a request without an answer. */
const RESEND_MS = 300;
/** Milliseconds before a refused request is sent again; doubles up to the second number. */
const RETRY_MS = 10;
const RETRY_MS_MAX = 200;

/** What is asked for outside. */
export type ClientEffect =
  | { readonly kind: "send"; readonly to: NodeId; readonly message: PartitionMessage }
  | { readonly kind: "answered"; readonly requestId: number; readonly result: EngineResult };

/** One request under way. */
interface Pending {
  readonly requestId: number;
  readonly partition: Partition;
  readonly operations: readonly RegistryOperation[];
  readonly kind: "get" | "cas" | "casMany";
  readonly deadline: Instant;
  sendAt: Instant;
  retries: number;
  sentTo: NodeId | undefined;
  sentUnder: number;
  /** Sendings that were not answered with "certainly not". */
  open: number;
  reason: UnavailableReason;
}

/** The state. */
export interface RegistryClient {
  readonly pending: Map<number, Pending>;
}

/** A client that has asked nothing. */
export function createRegistryClient(): RegistryClient {
  return { pending: new Map() };
}

/** Begins a request. */
export function request(
  client: RegistryClient,
  view: View | undefined,
  requestId: number,
  kind: Pending["kind"],
  partition: Partition,
  operations: readonly RegistryOperation[],
  deadline: Instant,
  now: Now,
  out: ClientEffect[],
): void {
  const pending: Pending = {
    requestId,
    partition,
    operations,
    kind,
    deadline,
    sendAt: now.mono,
    retries: 0,
    sentTo: undefined,
    sentUnder: 0,
    open: 0,
    reason: "not-member",
  };
  if (client.pending.size >= PENDING_MAX || operations.length > OPERATIONS_MAX) {
    return end(client, { ...pending, reason: "busy" }, out);
  }
  client.pending.set(requestId, pending);
  send(client, pending, view, now, out);
}

/** An owner has answered. */
export function replied(
  client: RegistryClient,
  from: NodeId,
  { epoch, requestId, answers }: PartitionMessage & { readonly kind: "registryReply" },
  now: Now,
  out: ClientEffect[],
): void {
  const pending = client.pending.get(requestId);
  // Of the last copy only: an earlier one may have been answered by an earlier configuration, and this one run later.
  if (pending === undefined || from !== pending.sentTo || epoch !== pending.sentUnder) return;
  if (answers.length !== pending.operations.length) return;
  if (answers.some(({ kind }, index) => kind !== pending.operations[index]?.kind)) return;
  const refusals = answers.map(({ result }) => result).filter((result) => result.kind === "unavailable");
  const [refusal] = refusals;
  if (refusal !== undefined && refusals.length === answers.length) {
    if (!refusals.some(({ indeterminate }) => indeterminate)) pending.open = Math.max(0, pending.open - 1);
    pending.reason = refusal.reason;
    if (refusal.reason === "full") return end(client, pending, out);
    const waitMs = Math.min(RETRY_MS << Math.min(pending.retries, 8), RETRY_MS_MAX);
    pending.retries++;
    pending.sendAt = after(now.mono, waitMs);
    return;
  }
  client.pending.delete(requestId);
  out.push({ kind: "answered", requestId, result: resultOf(pending, answers) });
}

/** Time has passed: sends again, and ends what is late. */
export function tickClient(client: RegistryClient, view: View | undefined, now: Now, out: ClientEffect[]): void {
  for (const pending of client.pending.values()) {
    if (now.mono >= pending.deadline) end(client, pending, out);
    else if (now.mono >= pending.sendAt) send(client, pending, view, now, out);
  }
}

/** Nobody answers any more: this identity is over. */
export function endAll(client: RegistryClient, out: ClientEffect[]): void {
  for (const pending of client.pending.values()) end(client, { ...pending, reason: "not-member" }, out);
}

/** A view was installed: whoever waits for an owner that is one no more asks the new one at once. */
export function ownersChanged(client: RegistryClient, view: View, now: Now, out: ClientEffect[]): void {
  for (const pending of client.pending.values()) {
    if (pending.sentTo !== ownerOf(view, pending.partition)) send(client, pending, view, now, out);
  }
}

function send(client: RegistryClient, pending: Pending, view: View | undefined, now: Now, out: ClientEffect[]): void {
  pending.sendAt = after(now.mono, RESEND_MS);
  const owner = view === undefined ? undefined : ownerOf(view, pending.partition);
  if (view === undefined || owner === undefined) return;
  const { requestId, partition, operations } = pending;
  const [oldest = requestId] = client.pending.keys();
  pending.sentTo = owner;
  pending.sentUnder = view.epoch;
  pending.open++;
  out.push({
    kind: "send",
    to: owner,
    message: { kind: "registryRequest", epoch: view.epoch, requestId, oldest, partition, operations },
  });
}

function end(client: RegistryClient, pending: Pending, out: ClientEffect[]): void {
  client.pending.delete(pending.requestId);
  const { reason, open } = pending;
  const answers = pending.operations.map(({ kind }): RegistryAnswer => {
    const result: Unavailable = {
      kind: "unavailable",
      reason,
      retryAfterMs: RETRY_MS_MAX,
      indeterminate: kind === "cas" && open > 0,
    };
    return kind === "get" ? { kind, result } : { kind, result };
  });
  out.push({ kind: "answered", requestId: pending.requestId, result: resultOf(pending, answers) });
}

function resultOf({ kind }: Pending, answers: readonly RegistryAnswer[]): EngineResult {
  const [first] = answers;
  if (kind === "get" && first?.kind === "get") return first;
  if (kind === "cas" && first?.kind === "cas") return first;
  return { kind: "casMany", results: answers.flatMap((answer) => answer.kind === "cas" ? [answer.result] : []) };
}
