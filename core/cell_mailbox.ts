/**
 * Into and out of a cell's mailbox: bounded, in order for each pair of sender and receiver, and never
 * waiting for what cannot come. An ask that would wait for its own caller is answered at once. Pure.
 *
 * @module
 */
import type { ActorTimer } from "./actor_timers.ts";
import type { Cell } from "./cell.ts";
import { DRAIN, type Envelope, FLUSH, isInChain } from "./envelope.ts";
import { ActorError } from "./failure.ts";
import { RingQueue } from "./ring_queue.ts";

/** Why a mailbox refused a message. */
export type Refusal = "mailbox-full" | "actor-stopped" | "call-cycle";

/** Puts a user message into the mailbox; the reason when it does not take it. The sender decides what then. */
export function offer(cell: Cell, envelope: Envelope): Refusal | undefined {
  if (cell.status === "stopped" || (cell.status === "stopping" && !comesBack(cell))) return "actor-stopped";
  if (cell.mailbox.size >= cell.kind.mailboxMessagesMax) return "mailbox-full";
  if (envelope.ask !== undefined && wouldWaitForItself(cell, envelope)) return "call-cycle";
  cell.mailbox.push(envelope);
  if (!cell.isQueued) cell.port.wake(cell);
  return undefined;
}

/**
 * Whether what is queued survives the end under way: a grain that ends by itself is activated again. In a cluster any
 * actor may go on elsewhere, and whoever sent to it is told where.
 */
export function comesBack(cell: Cell): boolean {
  const reason = cell.extras?.stopping?.reason;
  if (cell.port.isClustered && cell.parent === undefined) return reason !== undefined && reason !== "system-stopping";
  return cell.isGrain && (reason === "passivated" || reason === "stop");
}

/** The next message that may run now, or `undefined`. */
export function takeNext(cell: Cell): Envelope | undefined {
  if (cell.status !== "running" && cell.status !== "awaiting") return undefined;
  const interleaved = cell.extras?.interleaved?.size ?? 0;
  if (cell.status === "running" && interleaved === 0) return cell.mailbox.shift();
  return cell.kind.hasReentrant ? takeBeside(cell, interleaved < cell.kind.reentrantMax) : undefined;
}

/** The failure of a refused message. */
export function refusalError(cell: Cell, envelope: Envelope, refusal: Refusal, path: readonly string[]): ActorError {
  const handler = cell.handlers[envelope.handler]?.name ?? "?";
  const to = `${cell.key}.${handler}`;
  switch (refusal) {
    case "mailbox-full":
      return new ActorError(
        refusal,
        `Cannot deliver ${to}: the mailbox holds its limit of ${cell.kind.mailboxMessagesMax} messages`,
        {
          details: { to: cell.key, handler, limit: cell.kind.mailboxMessagesMax },
        },
      );
    case "actor-stopped":
      return new ActorError(refusal, `Cannot deliver ${to}: the actor has stopped`, {
        details: { to: cell.key, handler },
      });
    case "call-cycle":
      return new ActorError(
        refusal,
        `Cannot deliver ${to}: it would wait for itself through ${[...path, to].join(" → ")}`,
        {
          details: { to: cell.key, handler, path: [...path, to] },
        },
      );
    default:
      return refusal satisfies never;
  }
}

/** Puts the message of `ctx` aside. Throws `stash-full`. */
export function stash(cell: Cell, envelope: Envelope): void {
  const { more, kind } = cell;
  more.stash ??= new RingQueue(Math.max(1, kind.stashMessagesMax));
  if (more.stash.size < kind.stashMessagesMax && more.stash.push(envelope)) return;
  throw new ActorError("stash-full", `Cannot stash: the stash holds its limit of ${kind.stashMessagesMax} messages`, {
    details: { limit: kind.stashMessagesMax },
  });
}

/** Puts what is stashed back at the front, in its order. The mailbox has kept room for it. */
export function unstashAll(cell: Cell): void {
  const stashed = cell.extras?.stash;
  if (stashed === undefined || stashed.size === 0) return;
  for (let index = stashed.size - 1; index >= 0; index--) {
    const envelope = stashed.at(index);
    if (envelope !== undefined) cell.mailbox.unshift(envelope);
  }
  stashed.clear();
  cell.port.wake(cell);
}

/** Takes every tick out of the mailbox: those of one timer, or of all of them when a life ends. */
export function dropTicks(cell: Cell, timer: ActorTimer | undefined): void {
  const { mailbox } = cell;
  for (let left = mailbox.size; left > 0; left--) {
    const envelope = mailbox.shift();
    if (envelope === undefined) return;
    const isDropped = envelope.timer !== undefined && (timer === undefined || envelope.timer === timer);
    if (!isDropped) mailbox.push(envelope);
  }
}

/**
 * The first message that may begin beside the runs that wait. It overtakes what cannot begin now (behind a waiting
 * handler: all but the reentrant; at the limit of reentrant runs: the reentrant), but no earlier message of its own
 * sender, for order holds for each pair, and never the wish to end, which waits for all runs.
 */
function takeBeside(cell: Cell, hasSlot: boolean): Envelope | undefined {
  const { mailbox } = cell;
  const isHeld = cell.status === "awaiting";
  for (let index = 0; index < mailbox.size; index++) {
    const envelope = mailbox.at(index);
    if (envelope === undefined || envelope.handler === DRAIN) return undefined;
    if (envelope.handler === FLUSH) {
      if (index === 0) return mailbox.shift();
      continue; // It speaks for what is before it, and holds nothing back that is behind it.
    }
    const mayBegin = isReentrant(cell, envelope) ? hasSlot : !isHeld;
    if (mayBegin && !hasEarlierFrom(cell, envelope, index)) return mailbox.removeAt(index);
  }
  return undefined;
}

/** Whether a run that waits for this ask is what holds it back. */
function wouldWaitForItself(cell: Cell, envelope: Envelope): boolean {
  const { current } = cell;
  const chain = envelope.ask?.chain;
  const isBusy = current !== undefined || (cell.extras?.interleaved?.size ?? 0) > 0;
  if (chain === undefined || !isBusy) return false;
  const isHolding = current !== undefined && isInChain(chain, current.invocation);
  const interleaved = [...cell.extras?.interleaved ?? []];
  const isWaiting = interleaved.some(({ invocation }) => isInChain(chain, invocation));
  if (!isHolding && !isWaiting) return false;
  // A hook lets nothing begin beside it, and neither does the wish to end.
  if (cell.status !== "running" && cell.status !== "awaiting" || hasDrain(cell)) return true;
  if (isHolding && (!isReentrant(cell, envelope) || hasEarlierFrom(cell, envelope, cell.mailbox.size))) return true;
  if (interleaved.length < cell.kind.reentrantMax) return false;
  const isFull = interleaved.every(({ invocation }) => isInChain(chain, invocation));
  return isFull && (isReentrant(cell, envelope) || hasEarlierFrom(cell, envelope, cell.mailbox.size));
}

function isReentrant(cell: Cell, envelope: Envelope): boolean {
  return cell.handlers[envelope.handler]?.isReentrant ?? false;
}

function hasDrain(cell: Cell): boolean {
  for (const { handler } of cell.mailbox) {
    if (handler === DRAIN) return true;
  }
  return false;
}

/** Whether a message of the same sender and of the other sort, which cannot begin either, waits before `index`. */
function hasEarlierFrom(cell: Cell, envelope: Envelope, index: number): boolean {
  const sender = envelope.sender?.key;
  const sort = isReentrant(cell, envelope);
  for (let earlier = 0; earlier < index; earlier++) {
    const other = cell.mailbox.at(earlier);
    if (other === undefined || other.handler === FLUSH) continue;
    if (other.sender?.key === sender && isReentrant(cell, other) !== sort) return true;
  }
  return false;
}
