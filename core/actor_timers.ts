/**
 * Named timers of one actor. A timer that is due becomes a message in the actor's own mailbox, at most one
 * a timer at any time: a slow actor skips ticks, it does not collect them. Timers end with the life that
 * set them. Pure: the host's wheel decides when one is due.
 *
 * @module
 */
import type { Cell } from "./cell.ts";
import { dropTicks } from "./cell_mailbox.ts";
import { Envelope } from "./envelope.ts";
import { ActorError } from "./failure.ts";
import { TIMERS_PER_ACTOR_MAX, WAIT_MS_MAX } from "./limits.ts";
import type { DueEntry } from "./ports.ts";
import type { TimerEntry } from "./timer_wheel.ts";

/** One named timer, scheduled on the wheel of its thread. */
export class ActorTimer implements DueEntry {
  dueMs = 0;
  wheelNext: TimerEntry | undefined = undefined;
  wheelPrevious: TimerEntry | undefined = undefined;
  readonly cell: Cell;
  readonly name: string;
  readonly handler: number;
  readonly args: readonly unknown[];
  /** Milliseconds between ticks; `undefined` when it fires once. */
  readonly periodMs: number | undefined;
  /** Whether its tick waits in the mailbox. */
  isQueued = false;
  isCancelled = false;

  constructor(cell: Cell, name: string, handler: number, args: readonly unknown[], periodMs: number | undefined) {
    this.cell = cell;
    this.name = name;
    this.handler = handler;
    this.args = args;
    this.periodMs = periodMs;
  }

  due(): void {
    timerDue(this);
  }
}

/** Sets the timer `name`, in place of the one it had. Throws `limit-reached`, or `not-supported` for a delay out of range. */
export function setTimer(cell: Cell, timer: ActorTimer, delayMs: number): void {
  if (!(delayMs >= 0 && delayMs <= WAIT_MS_MAX)) {
    throw new ActorError("not-supported", `Cannot set timer ${timer.name}: ${delayMs} ms is not between 0 and a day`);
  }
  const timers = cell.more.timers ??= new Map();
  cancelTimer(cell, timer.name);
  if (timers.size >= TIMERS_PER_ACTOR_MAX) {
    throw new ActorError(
      "limit-reached",
      `Cannot set timer ${timer.name}: the actor has its limit of ${TIMERS_PER_ACTOR_MAX}`,
    );
  }
  timers.set(timer.name, timer);
  cell.port.timers.schedule(timer, cell.port.now() + delayMs);
}

/** Ends the timer `name`; a tick of it that waits in the mailbox will not run. `false` when there is none. */
export function cancelTimer(cell: Cell, name: string): boolean {
  const timer = cell.extras?.timers?.get(name);
  if (timer === undefined) return false;
  cancel(timer);
  if (timer.isQueued) dropTicks(cell, timer);
  return cell.extras?.timers?.delete(name) ?? false;
}

/** Ends all timers of a life, and every tick that waits or was put aside and is back in the mailbox. */
export function cancelTimers(cell: Cell): void {
  const timers = cell.extras?.timers;
  if (timers === undefined) return;
  for (const timer of timers.values()) cancel(timer);
  timers.clear();
  dropTicks(cell, undefined);
}

function cancel(timer: ActorTimer): void {
  timer.isCancelled = true;
  timer.cell.port.timers.cancel(timer);
}

/** Its tick goes into the mailbox, unless the last one is still there. */
function timerDue(timer: ActorTimer): void {
  const { cell, periodMs } = timer;
  if (timer.isCancelled || cell.port.isDraining) return;
  if (periodMs !== undefined) cell.port.timers.schedule(timer, Math.max(timer.dueMs, cell.port.now()) + periodMs);
  if (timer.isQueued) return;
  timer.isQueued = true;
  const tick = new Envelope(timer.handler, timer.args, undefined, undefined, timer);
  if (cell.mailbox.push(tick)) return cell.port.wake(cell);
  takeTick(timer);
  cell.port.deadLetter(cell, tick, "mailbox-full");
}

/** Whether the tick may run now; clears its place in the mailbox. One that fires once stays set until then. */
export function takeTick(timer: ActorTimer): boolean {
  const { cell, name } = timer;
  timer.isQueued = false;
  if (timer.periodMs === undefined && cell.extras?.timers?.get(name) === timer) cell.extras.timers.delete(name);
  return !timer.isCancelled;
}
