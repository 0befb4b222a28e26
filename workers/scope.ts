/**
 * Which handler is running: so that a message knows its sender and an ask inherits its deadline and chain,
 * without anybody passing them on. A plain handler is known by a variable while it runs; an `async` one is
 * followed through its awaits by the runtime's async context, which costs more and is used for it alone.
 * Touches the async context; one per thread.
 *
 * @module
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { ActorError } from "../core/failure.ts";
import type { HandlerContext } from "../core/handler_context.ts";
import type { UserCode } from "../core/ports.ts";

/** The current handler of one thread. */
export class Scope {
  readonly #storage = new AsyncLocalStorage<HandlerContext>();
  #running: HandlerContext | undefined = undefined;
  #hasAsync = false;

  /** Calls a handler; until it returns, and if `isAsync` until it settles, it is the current one. */
  run(ctx: HandlerContext, code: UserCode, args: readonly unknown[], isAsync: boolean): unknown {
    const before = this.#running;
    this.#running = ctx;
    try {
      if (!isAsync) return invoke(code, ctx, args);
      this.#hasAsync = true;
      return this.#storage.run(ctx, invoke, code, ctx, args);
    } finally {
      this.#running = before;
    }
  }

  /**
   * The current handler; `undefined` outside all handlers, and in what a handler left running behind it.
   *
   * @throws {ActorError} `context-ended` in a handler that was abandoned: its actor has gone on without it.
   */
  current(): HandlerContext | undefined {
    const ctx = this.#running ?? (this.#hasAsync ? this.#storage.getStore() : undefined);
    if (ctx === undefined || ctx.isLive) return ctx;
    if (!ctx.isAbandoned) return undefined;
    throw new ActorError(
      "context-ended",
      `Cannot send from ${ctx.key}.${ctx.handler}: its actor has gone on without it`,
    );
  }
}

function invoke(code: UserCode, ctx: HandlerContext, args: readonly unknown[]): unknown {
  const run = code as (ctx: unknown, ...args: readonly unknown[]) => unknown;
  switch (args.length) {
    case 0:
      return run(ctx);
    case 1:
      return run(ctx, args[0]);
    case 2:
      return run(ctx, args[0], args[1]);
    case 3:
      return run(ctx, args[0], args[1], args[2]);
    default:
      return run(ctx, ...args);
  }
}
