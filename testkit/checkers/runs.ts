/**
 * Watches what actors of a simulated world run: at most one activation of a key at a time, no message twice, messages
 * of one sender in their order. Mutable; one per world.
 *
 * One idea: the tokens under which a key's handlers begin never decrease in real time. Two activations that run in turn
 * would show.
 *
 * @module
 */
import type { HandlerContext } from "../../core/handler_context.ts";
import { type ActorKey, type NodeId } from "../../core/ids.ts";
import { rootOf } from "../../core/names.ts";
import type { FencingToken } from "../../core/store.ts";
import type { Version } from "../../cluster/engine.ts";
import { SimulationViolation } from "../scenario.ts";

/** A message that left an actor, as its bytes: they travel through a world by reference, so they are its identity. */
interface Sent {
  readonly route: string;
  readonly number: number;
  hasRun: boolean;
}

/** Keys whose newest activation is remembered. At the limit: a violation of the simulator's own. */
const KEYS_MAX = 1 << 20;

/** The runs of one world. */
export class RunsChecker {
  readonly #newest = new Map<string, { readonly token: FencingToken; readonly by: NodeId }>();
  readonly #sent = new WeakMap<object, Sent>();
  readonly #counts = new Map<string, number>();
  readonly #lastRun = new Map<string, number>();
  /** Runs that began. */
  runCount = 0;
  #broken: SimulationViolation | undefined = undefined;

  /** Throws the first promise that was broken. Where it is noticed, an actor would take it for its own failure. */
  verdict(): void {
    if (this.#broken !== undefined) throw this.#broken;
  }

  /** A message leaves an activation. */
  sent(payload: object, sender: { readonly key: ActorKey; readonly token: Version } | undefined, target: string): void {
    if (sender === undefined || this.#sent.has(payload)) return;
    const route = `${sender.key} ${sender.token.cfg}.${sender.token.seq} → ${target}`;
    const number = (this.#counts.get(route) ?? 0) + 1;
    this.#counts.set(route, number);
    this.#sent.set(payload, { route, number, hasRun: false });
  }

  /** A run begins at a node, of a message that came with `payload`. */
  ran(by: NodeId, ctx: HandlerContext, token: FencingToken | undefined, payload: object | undefined): void {
    this.runCount++;
    if (token !== undefined) this.#judgeToken(by, rootOf(ctx.cell.key), token, ctx);
    const sent = payload && this.#sent.get(payload);
    if (sent !== undefined) this.#judgeOrder(sent, ctx);
  }

  #judgeToken(by: NodeId, root: string, token: FencingToken, ctx: HandlerContext): void {
    const newest = this.#newest.get(root);
    if (newest !== undefined && token < newest.token) {
      this.#break(
        "one activation",
        `${root} runs ${ctx.handler} at ${by} under ${token}, after ${newest.token} has run at ${newest.by}`,
      );
    }
    if (newest === undefined && this.#newest.size >= KEYS_MAX) {
      return this.#break("simulator", `A world has over ${KEYS_MAX} keys`);
    }
    this.#newest.set(root, { token, by });
  }

  #judgeOrder(sent: Sent, ctx: HandlerContext): void {
    const { kind, extras } = ctx.cell;
    // What is put aside on purpose runs twice, and late.
    if ((extras?.stash !== undefined) || kind.hasReentrant) return;
    if (sent.hasRun) {
      this.#break("at most once", `Message ${sent.number} of ${sent.route} runs a second time`);
    }
    sent.hasRun = true;
    const last = this.#lastRun.get(sent.route) ?? 0;
    if (sent.number < last) {
      this.#break("order", `Message ${sent.number} of ${sent.route} runs after message ${last}`);
    }
    this.#lastRun.set(sent.route, sent.number);
  }

  #break(promise: string, message: string): void {
    this.#broken ??= new SimulationViolation(promise, message);
  }
}
