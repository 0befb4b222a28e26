/**
 * How a cell's life begins, fails, begins again and ends. Each of these waits for things that come in any
 * order (a hook, children, a backoff), so each has one function that looks whether all is there and goes
 * on; it is called after everything that may have been the last. Pure.
 *
 * @module
 */
import { cancelTimers } from "./actor_timers.ts";
import type { Cell, CellExtras } from "./cell.ts";
import { comesBack, unstashAll } from "./cell_mailbox.ts";
import { begin } from "./cell_run.ts";
import { type Envelope, FLUSH } from "./envelope.ts";
import { ActorError, toActorError, toFailureData } from "./failure.ts";
import { HandlerContext } from "./handler_context.ts";
import type { ActorKey } from "./ids.ts";
import { moved, type StopReason } from "./lifecycle.ts";
import { HOOK_GRACE_MS, WATCHES_PER_ACTOR_MAX } from "./limits.ts";
import type { AnyRef, Target } from "./ref.ts";
import { RingQueue } from "./ring_queue.ts";
import type { FencingToken } from "./store.ts";
import { decide, decideRestart, remembered, type Verdict } from "./supervision.ts";
import { isThenable } from "./thenable.ts";
import type { DueEntry } from "./ports.ts";
import type { TimerEntry } from "./timer_wheel.ts";

/** Begins a life: the stored state is fetched first, if there is one. */
export function start(cell: Cell): void {
  cell.status = moved(cell.status, "starting");
  if (!cell.kind.isStored) return beginLife(cell, undefined, false);
  cell.more.isLoading = true;
  cell.port.load(cell);
}

/** The store has answered: `stored` is the decoded state when `hasStored`. */
export function loaded(cell: Cell, token: FencingToken, stored: unknown, hasStored: boolean): void {
  if (cell.status !== "starting") return; // ended while the store was busy
  cell.more.isLoading = false;
  cell.more.token = token;
  beginLife(cell, stored, hasStored);
}

/** The first state could not be made, or `onStart` failed. */
export function startFailed(cell: Cell, cause: ActorError): void {
  if (cell.status !== "starting") return;
  if (cell.extras?.isLoading) noState(cell.extras);
  const error = new ActorError("start-failed", `Cannot start ${cell.key}: ${cause.message}`, {
    cause,
    details: { code: cause.code },
  });
  if (cause.code === "fenced-write") {
    cell.port.startFailed(cell, cause);
    return end(cell, "fenced");
  }
  if (isFirstLife(cell) && cell.parent === undefined) return neverStarted(cell, error);
  failed(cell, "onStart", error);
  // A life that never began cannot be resumed.
  if (cell.status === "starting" && cell.extras?.stopWanted === undefined) end(cell, "start-failed");
}

/** `onStart` is done: messages may run. */
export function lifeBegun(cell: Cell): void {
  if (cell.status !== "starting") return;
  cell.status = moved("starting", "running");
  cell.port.started(cell, cell.startReason);
  if (cell.mailbox.size > 0) cell.port.wake(cell);
}

/** A run of the cell or a child has ended: does anything under way go on? */
export function afterRun(cell: Cell): void {
  const { extras, status } = cell;
  if (extras === undefined) return;
  if (status === "stopping") return continueEnd(cell);
  if (status === "restarting") return continueRestart(cell);
  if (extras.stopWanted?.isLive === false && status !== "stopped") end(cell, "stop");
}

/** Something of the cell failed with `error`: its supervision decides. */
export function failed(cell: Cell, handler: string, error: ActorError, isFault: boolean = true): void {
  publishFailure(cell, handler, error);
  if (cell.status === "stopping" || cell.status === "stopped" || cell.status === "restarting") return;
  const { port, kind, extras } = cell;
  if (extras?.stopWanted !== undefined) return; // It ends by its own wish, whatever else happens to it.
  const verdict = decide(kind.supervision, error, extras?.history ?? [], port.now(), port.random, isFault);
  if (verdict.kind === "resume") return;
  const siblings = kind.supervision.strategy === "all-for-one" ? siblingsOf(cell) : [];
  apply(cell, verdict, error);
  if (verdict.kind === "escalate") return;
  for (const sibling of siblings) apply(sibling, verdictFor(sibling, verdict), error);
}

/** Ends the cell: its runs and children first, then `onStop`, then it is gone. */
export function end(cell: Cell, reason: StopReason): void {
  if (cell.status === "stopping" || cell.status === "stopped") return;
  const hadLife = cell.status !== "created" && cell.extras?.isLoading !== true && cell.extras?.isStillborn !== true;
  cell.status = moved(cell.status, "stopping");
  const { more } = cell;
  more.restarting = undefined;
  more.stopping = { reason, isHookDone: !hadLife || reason === "fenced", isGraceOver: false };
  abortRuns(cell, reason);
  delay(cell, HOOK_GRACE_MS);
  endChildren(cell, reason === "system-stopping" ? reason : "parent-stopped");
  continueEnd(cell);
}

/** Ends the cell without a last word: it goes on elsewhere already. Its runs are given up, and its hook isn't called. */
export function endFenced(cell: Cell): void {
  end(cell, "fenced");
  for (const child of [...cell.extras?.children?.values() ?? []]) endFenced(child);
  if (cell.status !== "stopping" || cell.extras?.stopping === undefined) return;
  cell.extras.stopping.isHookDone = true;
  abandonRuns(
    cell,
    new ActorError("actor-stopped", `Cannot wait for ${cell.key}: it goes on elsewhere`, { fate: "unknown" }),
  );
  continueEnd(cell);
}

/** Ends one child of `cell`; nothing when it has none of that key. */
export function endChild(cell: Cell, key: ActorKey): void {
  const child = cell.extras?.children?.get(key);
  if (child !== undefined) end(child, "stop");
}

/** The cell's backoff or grace is over. */
function delayOver(cell: Cell): void {
  const { extras } = cell;
  if (extras === undefined) return;
  extras.delay = undefined;
  if (extras.stopping !== undefined && cell.status === "stopping") {
    abandonRuns(
      cell,
      new ActorError("actor-stopped", `Cannot wait for ${cell.key} any longer: it is stopping`, { fate: "unknown" }),
    );
    if (extras.stopping.isGraceOver) extras.stopping.isHookDone = true;
    extras.stopping.isGraceOver = true;
    return continueEnd(cell);
  }
  if (extras.restarting === undefined) return;
  if (extras.restarting.isDelayOver) abandonRuns(cell, extras.restarting.error); // the hook had its grace
  else if (cell.current !== undefined) delay(cell, HOOK_GRACE_MS);
  extras.restarting.isDelayOver = true;
  continueRestart(cell);
}

/** Watches `target` for `cell`. Throws `limit-reached`. */
export function watch(cell: Cell, target: Target): void {
  const watching = cell.more.watching ??= new Map();
  if (watching.has(target.key)) return;
  if (watching.size >= WATCHES_PER_ACTOR_MAX) {
    throw new ActorError(
      "limit-reached",
      `Cannot watch ${target.key}: the actor watches its limit of ${WATCHES_PER_ACTOR_MAX}`,
    );
  }
  watching.set(target.key, target);
  cell.port.watch(cell, target);
}

/** An actor that `cell` watches has ended. Told twice or unasked, it says nothing. */
export function watchedEnded(cell: Cell, ref: AnyRef, reason: StopReason): void {
  if (!(cell.extras?.watching?.delete(ref.key) ?? false)) return;
  const { more } = cell;
  more.terminated ??= new RingQueue(WATCHES_PER_ACTOR_MAX);
  more.terminated.push({ ref, reason });
  cell.port.wake(cell);
}

/** A backoff or a grace on the thread's wheel. */
export class CellDelay implements DueEntry {
  dueMs = 0;
  wheelNext: TimerEntry | undefined = undefined;
  wheelPrevious: TimerEntry | undefined = undefined;
  readonly cell: Cell;

  constructor(cell: Cell) {
    this.cell = cell;
  }

  due(): void {
    delayOver(this.cell);
  }
}

function beginLife(cell: Cell, stored: unknown, hasStored: boolean): void {
  try {
    cell.state = hasStored ? stored : firstState(cell);
  } catch (thrown) {
    noState(cell.more);
    return startFailed(cell, toActorError(thrown));
  }
  if (cell.extras !== undefined) cell.extras.isStillborn = false;
  const hook = cell.kind.hooks.onStart;
  if (hook === undefined) return lifeBegun(cell);
  begin(new HandlerContext(cell, "onStart", undefined), hook, [cell.startReason], true, false);
}

function noState(extras: CellExtras): void {
  extras.isLoading = false;
  extras.isStillborn = true;
}

function firstState(cell: Cell): unknown {
  const state = cell.kind.makeState(cell.init);
  if (!isThenable(state)) return state;
  throw new ActorError("not-supported", `the state of kind ${cell.kind.name} is a promise, and a state is plain data`);
}

/** Whether it has never run: after the loss of its worker it has. */
function isFirstLife({ startReason }: Cell): boolean {
  return startReason === "spawn" || startReason === "activation";
}

/** The first life of a grain or spawned actor has failed to begin; whoever waits for it is told why. */
function neverStarted(cell: Cell, error: ActorError): void {
  publishFailure(cell, "onStart", error);
  cell.port.startFailed(cell, error);
  end(cell, "start-failed");
}

function siblingsOf(cell: Cell): readonly Cell[] {
  const children = cell.parent?.extras?.children?.values() ?? [];
  return [...children].filter((child) => child !== cell);
}

/** A sibling goes the way of the one that failed, but has its own history. */
function verdictFor(sibling: Cell, verdict: Verdict): Verdict {
  if (verdict.kind !== "restart") return verdict;
  const { supervision } = sibling.kind;
  return { ...verdict, history: remembered(supervision, sibling.extras?.history ?? [], sibling.port.now()) };
}

function publishFailure(cell: Cell, handler: string, error: ActorError): void {
  cell.port.publishEvent({ type: "actorFailed", actor: placeOf(cell), handler, error: toFailureData(error) });
}

function placeOf(cell: Cell): { kind: string; key: string; thread: number } {
  return { kind: cell.kind.name, key: cell.key, thread: cell.thread };
}

function apply(cell: Cell, verdict: Verdict, error: ActorError): void {
  switch (verdict.kind) {
    case "resume":
      return;
    case "restart":
      return restart(cell, verdict, error);
    case "stop":
      return end(cell, verdict.reason);
    case "escalate":
      return escalate(cell, error);
    default:
      return verdict satisfies never;
  }
}

/** The parent fails with the child's error. Should the parent go on, the child begins again, by its own budget. */
function escalate(cell: Cell, error: ActorError): void {
  const { parent, port, kind, extras } = cell;
  if (parent === undefined) return end(cell, "failed");
  failed(parent, `child ${cell.key}`, error);
  apply(cell, decideRestart(kind.supervision, extras?.history ?? [], port.now(), port.random), error);
}

function restart(cell: Cell, { delayMs, history }: Extract<Verdict, { kind: "restart" }>, error: ActorError): void {
  if (!canRestart(cell)) return;
  if (cell.extras?.stopWanted !== undefined) return end(cell, "stop");
  const hook = cell.status === "starting" ? undefined : cell.kind.hooks.onRestart;
  cell.status = moved(cell.status, "restarting");
  const { more, port } = cell;
  more.history = history;
  more.restarts++;
  more.restarting = { isDelayOver: false, error };
  abandonRuns(
    cell,
    new ActorError("actor-restarted", `Cannot finish: ${cell.key} restarts after ${error.code}`, { cause: error }),
  );
  letGo(cell);
  port.publishEvent({ type: "actorRestarting", actor: placeOf(cell), restarts: more.restarts, delayMs });
  // Also when there is nothing to wait for: or a start that fails at once would begin again inside itself.
  delay(cell, delayMs);
  endChildren(cell, "parent-stopped");
  if (hook !== undefined) begin(new HandlerContext(cell, "onRestart", undefined), hook, [error], true, false);
}

/** What has not begun, or ends, or begins again already, needs no restart. */
function canRestart(cell: Cell): boolean {
  const { status, extras } = cell;
  return status === "running" || status === "awaiting" || (status === "starting" && extras?.isLoading !== true);
}

function continueRestart(cell: Cell): void {
  const { extras } = cell;
  if (cell.status !== "restarting" || extras?.restarting === undefined) return;
  if (extras.stopWanted?.isLive === false) return end(cell, "stop");
  if (cell.current !== undefined || !extras.restarting.isDelayOver || (extras.children?.size ?? 0) > 0) return;
  extras.restarting = undefined;
  letGo(cell); // The hook may have taken hold of things again, but the old life is over.
  cell.handlers = cell.kind.handlers;
  cell.state = undefined;
  cell.startReason = "restart";
  start(cell);
}

function continueEnd(cell: Cell): void {
  const { extras } = cell;
  if (cell.status !== "stopping" || extras?.stopping === undefined) return;
  if (runsOf(cell).length > 0 || (extras.children?.size ?? 0) > 0) return;
  const hook = cell.kind.hooks.onStop;
  if (extras.stopping.isHookDone || hook === undefined) return finish(cell, extras.stopping.reason);
  extras.stopping.isHookDone = true;
  extras.stopping.isGraceOver = true;
  delay(cell, HOOK_GRACE_MS);
  begin(new HandlerContext(cell, "onStop", undefined), hook, [extras.stopping.reason], true, false);
}

function finish(cell: Cell, reason: StopReason): void {
  const { port, extras, parent } = cell;
  letGo(cell);
  if (!comesBack(cell)) bury(cell);
  cell.status = moved("stopping", "stopped");
  cell.state = undefined;
  for (const watcher of extras?.watchers ?? []) port.tellWatcher(watcher, cell, reason);
  port.publishEvent({ type: "actorStopped", actor: placeOf(cell), reason });
  port.stopped(cell, reason);
  if (parent === undefined) return;
  parent.extras?.children?.delete(cell.key);
  afterRun(parent);
}

/** What a life holds ends with it, but for what is queued or put aside; whoever watches it stays. */
function letGo(cell: Cell): void {
  const { port, extras } = cell;
  if (extras === undefined) return;
  endDelay(cell);
  unstashAll(cell);
  cancelTimers(cell);
  if (extras.hasSubscriptions) port.unsubscribe(cell, undefined);
  for (const target of extras.watching?.values() ?? []) port.unwatch(cell, target);
  extras.watching?.clear();
  extras.terminated?.clear();
  extras.stopWanted = undefined;
}

/** Everything still queued goes nowhere, and is told so. */
function bury(cell: Cell): void {
  for (let envelope = cell.mailbox.shift(); envelope !== undefined; envelope = cell.mailbox.shift()) {
    if (envelope.handler === FLUSH) cell.port.flushReached(envelope);
    else if (envelope.handler >= 0 && envelope.timer === undefined) buryOne(cell, envelope);
  }
}

function buryOne(cell: Cell, envelope: Envelope): void {
  const handler = cell.handlers[envelope.handler]?.name ?? "?";
  const reason = cell.extras?.stopping?.reason ?? "stop";
  if (envelope.ask !== undefined) {
    cell.port.refuse(
      envelope.ask,
      new ActorError("actor-stopped", `Cannot deliver ${cell.key}.${handler}: the actor has stopped (${reason})`, {
        details: { to: cell.key, handler, reason },
      }),
    );
  }
  cell.port.deadLetter(cell, envelope, "actor-stopped");
}

function endChildren(cell: Cell, reason: StopReason): void {
  for (const child of [...cell.extras?.children?.values() ?? []]) end(child, reason);
}

/** Asks every run to finish: its signal says why. */
function abortRuns(cell: Cell, reason: StopReason): void {
  for (const ctx of runsOf(cell)) {
    const error = new ActorError("actor-stopped", `Cannot go on: ${cell.key} is stopping (${reason})`, {
      fate: "unknown",
    });
    cell.port.abort(ctx, error);
  }
}

/** Ends every run at once: whoever waits is answered, and what the run does later is refused. */
function abandonRuns(cell: Cell, error: ActorError): void {
  for (const ctx of runsOf(cell)) {
    ctx.abandon();
    cell.port.abort(ctx, error);
    if (ctx.ask !== undefined && !ctx.isStashed) cell.port.refuse(ctx.ask, error);
  }
  cell.current = undefined;
  cell.extras?.interleaved?.clear();
}

function runsOf(cell: Cell): readonly HandlerContext[] {
  const interleaved = cell.extras?.interleaved ?? [];
  return cell.current === undefined ? [...interleaved] : [cell.current, ...interleaved];
}

function delay(cell: Cell, ms: number): void {
  endDelay(cell);
  const entry = new CellDelay(cell);
  cell.more.delay = entry;
  cell.port.timers.schedule(entry, cell.port.now() + ms);
}

function endDelay(cell: Cell): void {
  const { extras } = cell;
  if (extras?.delay === undefined) return;
  cell.port.timers.cancel(extras.delay);
  extras.delay = undefined;
}
