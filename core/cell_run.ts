/**
 * Running a cell: one message at a time, system messages first. A handler that returns a promise does not
 * block anything: its cell is `awaiting` until the host hands the settling back. Pure: user code is called
 * through the port, promises are followed by it.
 *
 * @module
 */
import { takeTick } from "./actor_timers.ts";
import type { Cell } from "./cell.ts";
import { afterRun, end, failed, lifeBegun, start, startFailed } from "./cell_life.ts";
import { takeNext } from "./cell_mailbox.ts";
import { DRAIN, type Envelope, FLUSH, PASSIVATE } from "./envelope.ts";
import { ActorError, toActorError } from "./failure.ts";
import { HandlerContext } from "./handler_context.ts";
import type { HandlerEntry } from "./kind.ts";
import { moved } from "./lifecycle.ts";
import type { UserCode } from "./ports.ts";
import { isThenable } from "./thenable.ts";

/** Runs up to `limit` messages; how many it ran. Fewer than `limit` means that nothing more may run now. */
export function run(cell: Cell, limit: number): number {
  if (cell.status === "created") start(cell);
  let count = 0;
  while (count < limit) {
    if (cell.extras !== undefined && runTerminated(cell)) {
      count++;
      continue;
    }
    const envelope = takeNext(cell);
    if (envelope === undefined) break;
    runMessage(cell, envelope);
    count++;
  }
  return count;
}

/** A run has ended, now or after its awaits: answer, and let the cell go on. */
export function settled(ctx: HandlerContext, isOk: boolean, value: unknown): void {
  if (!ctx.isLive) return; // abandoned by a restart or an end, which has answered for it
  const { cell } = ctx;
  ctx.end();
  if (cell.current === ctx) {
    cell.current = undefined;
    if (cell.status === "awaiting") cell.status = moved("awaiting", "running");
  } else {
    cell.extras?.interleaved?.delete(ctx);
  }
  if (isOk) completed(ctx, value);
  else brokenBy(ctx, value);
  if (cell.extras === undefined) return;
  if (cell.extras.sleeps > 0) cell.port.endSleeps(ctx);
  afterRun(cell);
}

/** Calls user code as one run of `cell`. What it holds back, and what comes after it, depends on `ctx.purpose`. */
export function begin(
  ctx: HandlerContext,
  code: UserCode,
  args: readonly unknown[],
  isAsync: boolean,
  interleaves: boolean,
): void {
  const { cell } = ctx;
  if (interleaves) (cell.more.interleaved ??= new Set()).add(ctx);
  else cell.current = ctx;
  let result: unknown;
  let isPending: boolean;
  try {
    result = cell.port.call(ctx, code, args, isAsync);
    isPending = isThenable(result);
  } catch (thrown) {
    return settled(ctx, false, thrown);
  }
  if (isPending) wait(ctx, result as PromiseLike<unknown>);
  else settled(ctx, true, result);
}

/** The run goes on until what it returned settles. That is user code too: its `then` may throw, or settle at once. */
function wait(ctx: HandlerContext, result: PromiseLike<unknown>): void {
  const { cell } = ctx;
  if (cell.current === ctx && cell.status === "running") cell.status = moved("running", "awaiting");
  try {
    cell.port.follow(ctx, result);
  } catch (thrown) {
    settled(ctx, false, thrown);
  }
}

function runMessage(cell: Cell, envelope: Envelope): void {
  const { handler, timer, ask } = envelope;
  if (handler < 0) return runWord(cell, envelope);
  if (timer === undefined) cell.activeMs = cell.port.now();
  else if (!takeTick(timer)) return;
  if (ask !== undefined && ask.deadline <= cell.port.now()) return runExpired(cell, envelope);
  const entry = cell.handlers[handler];
  if (entry === undefined) return runUnknown(cell, envelope);
  const ctx = new HandlerContext(cell, entry.name, envelope);
  begin(ctx, codeOf(entry), envelope.args, entry.isAsync, entry.isReentrant);
  // A plain function that returns a promise is known for one from its second run on.
  if (ctx.isLive && !entry.isAsync) entry.isAsync = true;
}

function completed(ctx: HandlerContext, value: unknown): void {
  const { cell, ask } = ctx;
  switch (ctx.purpose) {
    case "message":
      if (ask !== undefined && !ctx.isStashed) cell.port.reply(ask, value);
      return;
    case "onStart":
      return lifeBegun(cell);
    case "onStop":
    case "onRestart":
    case "onTerminated":
      return;
    default:
      return ctx.purpose satisfies never;
  }
}

function brokenBy(ctx: HandlerContext, thrown: unknown): void {
  const error = toActorError(thrown);
  // What was no ActorError before is a fault of this actor.
  broken(ctx, error, error !== thrown);
}

function broken(ctx: HandlerContext, error: ActorError, isFault: boolean): void {
  const { cell, ask } = ctx;
  switch (ctx.purpose) {
    case "message":
      if (ask !== undefined && !ctx.isStashed) cell.port.refuse(ask, asDelivered(error));
      return failed(cell, ctx.handler, error, isFault);
    case "onStart":
      return startFailed(cell, error);
    case "onTerminated":
      return failed(cell, ctx.handler, error, isFault);
    case "onStop":
    case "onRestart":
      return cell.port.logOf(cell).error(`${ctx.handler} failed`, { code: error.code, message: error.message });
    default:
      return ctx.purpose satisfies never;
  }
}

/** The asker's message was delivered, whatever became of the messages its handler sent on. */
function asDelivered(error: ActorError): ActorError {
  if (error.fate === "delivered") return error;
  return new ActorError(error.code, error.message, { fate: "delivered", details: error.details, cause: error });
}

function runTerminated(cell: Cell): boolean {
  if (cell.status !== "running") return false;
  const ended = cell.extras?.terminated?.shift();
  if (ended === undefined) return false;
  const hook = cell.kind.hooks.onTerminated;
  if (hook === undefined) return true;
  begin(new HandlerContext(cell, "onTerminated", undefined), hook, [ended.ref, ended.reason], true, false);
  return true;
}

/** A word of the runtime has reached the front of the mailbox: a wish to end, or a flush. */
function runWord(cell: Cell, envelope: Envelope): void {
  const { handler } = envelope;
  if (handler === FLUSH) return cell.port.flushReached(envelope);
  if (handler === DRAIN) return end(cell, "stop");
  if (handler === PASSIVATE && cell.mailbox.size === 0 && isIdle(cell)) end(cell, "passivated");
}

/** Whether nothing of the cell is under way but its queue. */
export function isIdle(cell: Cell): boolean {
  const { extras } = cell;
  if (cell.status !== "running") return false;
  if (extras === undefined) return true;
  const busy = (extras.interleaved?.size ?? 0) + (extras.terminated?.size ?? 0) + (extras.children?.size ?? 0) +
    extras.pipes;
  return busy === 0 && (extras.stash?.size ?? 0) === 0;
}

function runExpired(cell: Cell, envelope: Envelope): void {
  const { port } = cell;
  const handler = cell.handlers[envelope.handler]?.name ?? "?";
  if (envelope.ask !== undefined) {
    port.refuse(
      envelope.ask,
      new ActorError("ask-expired", `Cannot run ${cell.key}.${handler}: its caller's deadline has passed`, {
        details: { to: cell.key, handler },
      }),
    );
  }
  port.deadLetter(cell, envelope, "ask-expired");
}

function runUnknown(cell: Cell, envelope: Envelope): void {
  const { port } = cell;
  if (envelope.ask !== undefined) {
    port.refuse(
      envelope.ask,
      new ActorError("handler-unknown", `Cannot run handler ${envelope.handler} of ${cell.key}: its kind has none`),
    );
  }
  port.deadLetter(cell, envelope, "handler-unknown");
}

function codeOf(entry: HandlerEntry): UserCode {
  return entry.run;
}
