/**
 * Transcripts: stories of actors as text, commands and everything they cause, to be read as documents and compared line
 * by line (the form is that of etcd/raft's `testdata`). A line that begins with `>` is a command, an indented line what
 * came of it, every other line is prose.
 *
 * | Command | Does |
 * | --- | --- |
 * | `spawn a` | puts the actor `a` in place |
 * | `tell a say x` | sends a message: handler, then arguments |
 * | `ask a say x` | asks; its outcome is printed when it comes, as `ask 1` |
 * | `run` | runs turns until nothing is left to do at this instant |
 * | `advance 100` | lets 100 ms pass |
 * | `open g` | settles what handlers wait for under the name `g` |
 * | `sweep` | looks for idle actors |
 * | `stop a` | ends `a` from outside |
 *
 * `grain:a` is the grain `a`, `p/c` the child `c` of `p`, an argument `@a` a ref to `a`. An output line begins with the
 * milliseconds since the start.
 *
 * @module
 */
import type { Context } from "../../core/context.ts";
import type { TroupeEvent } from "../../core/events.ts";
import { ActorError } from "../../core/failure.ts";
import type { ActorKey } from "../../core/ids.ts";
import { type AnyKind, type Kind, kind } from "../../core/kind.ts";
import type { ActorRef, AnyRef } from "../../core/ref.ts";
import { Gates } from "./gates.ts";
import { Rig } from "./rig.ts";

type Say = (line: string) => void;

interface ActorProtocol {
  readonly [handler: string]: (...args: unknown[]) => unknown;
}

/** The same text with the output of a fresh run. */
export async function replay(text: string): Promise<string> {
  const stage = new Stage();
  const lines: string[] = [];
  for (const line of text.split("\n").filter((one) => !one.startsWith("  "))) {
    lines.push(line);
    if (!line.startsWith("> ")) continue;
    await stage.perform(line.slice(2).trim().split(/\s+/));
    lines.push(...stage.said.splice(0));
  }
  return lines.join("\n");
}

/** A rig with one kind of actor that can do all that stories need. */
class Stage {
  /** Output lines since they were last taken. */
  readonly said: string[] = [];
  readonly #gates = new Gates();
  readonly #kinds: { readonly actor: Kind<ActorProtocol>; readonly grain: Kind<ActorProtocol> };
  readonly #rig: Rig;
  readonly #startMs: number;
  #asks = 0;

  constructor() {
    const say = (line: string) => {
      this.said.push(`  ${String(this.#rig.nowMs - this.#startMs).padStart(5)}  ${line}`);
    };
    this.#kinds = {
      actor: actorKind("actor", this.#gates, say, () => this.#kinds.actor),
      grain: actorKind("grain", this.#gates, say, () => this.#kinds.actor),
    };
    this.#rig = new Rig({
      kinds: [this.#kinds.actor, this.#kinds.grain],
      onEvent: (event) => say(`* ${describe(event)}`),
    });
    this.#startMs = this.#rig.nowMs;
    this.#say = say;
  }

  readonly #say: Say;

  async perform([verb = "", first = "", ...rest]: readonly string[]): Promise<void> {
    const rig = this.#rig;
    switch (verb) {
      case "spawn":
        return void rig.spawn(this.#kinds.actor, first);
      case "tell":
        return this.#tell(first, rest);
      case "ask":
        return this.#ask(first, rest);
      case "run":
        return await rig.run();
      case "advance":
        return await rig.advance(Number(first));
      case "open":
        return this.#gates.open(first);
      case "sweep":
        return await rig.sweep();
      case "stop":
        return void rig.operate(first, { op: "stop", key: first as ActorKey, isDraining: false });
      default:
        throw new Error(`There is no command ${verb}`);
    }
  }

  #tell(key: string, [handler = "", ...args]: readonly string[]): void {
    const isTaken = this.#ref(key).tell[handler]?.(...args.map((arg) => this.#argument(arg)));
    if (isTaken !== true) this.#say(`refused: ${key}.${handler}`);
  }

  #ask(key: string, [handler = "", ...args]: readonly string[]): void {
    const name = `ask ${++this.#asks} (${[`${key}.${handler}`, ...args].join(" ")})`;
    const ref = this.#ref(key).with({ timeoutMs: 1_000 });
    const reply = ref.ask[handler]?.(...args.map((arg) => this.#argument(arg)));
    reply?.then(
      (value) => this.#say(`${name} is answered: ${String(value)}`),
      (error: ActorError) => this.#say(`${name} fails: ${error.code}, ${error.fate}`),
    );
  }

  #argument(text: string): unknown {
    return text.startsWith("@") ? this.#ref(text.slice(1)) : text;
  }

  #ref(key: string): ActorRef<ActorProtocol> {
    return this.#rig.actor(key.startsWith("grain:") && !key.includes("/") ? this.#kinds.grain : this.#kinds.actor, key);
  }
}

function actorKind(name: string, gates: Gates, say: Say, child: () => Kind<ActorProtocol>): Kind<ActorProtocol> {
  const at = (ctx: Context<State>, what: string) => say(`${ctx.key}: ${what}`);
  const made: AnyKind = kind(name, {
    state: () => ({ count: 0, isOpen: false }),
    idleMs: 1_000,
    reentrant: ["peek"],
    supervision: {
      on: { "too-much": "escalate", "no-luck": "resume" },
      backoff: { minMs: 100, maxMs: 1_000, jitter: 0 },
      maxRestarts: 3,
    },
    onStart: (ctx, reason) => at(ctx, `onStart, ${reason}`),
    async onStop(ctx, reason) {
      at(ctx, `onStop, ${reason}`);
      if (ctx.name.startsWith("slow")) await gates.wait(`${ctx.name}_may_go`);
    },
    onRestart: (ctx, error) => at(ctx, `onRestart after ${error.code}, with count ${ctx.state.count}`),
    onTerminated: (ctx, ref, reason) => at(ctx, `is told that ${ref.key} has ended: ${reason}`),
    handlers: {
      say(ctx, text: string): string {
        at(ctx, `say ${text}`);
        return text;
      },
      peek(ctx, text: string): string {
        at(ctx, `peek ${text}`);
        return text;
      },
      count(ctx): number {
        ctx.state.count++;
        at(ctx, `count ${ctx.state.count}`);
        return ctx.state.count;
      },
      work(ctx, text: string): string {
        if (!ctx.state.isOpen) {
          at(ctx, `puts ${text} aside`);
          ctx.stash();
          return "";
        }
        at(ctx, `works on ${text}`);
        return text;
      },
      unlock(ctx): void {
        at(ctx, "unlocks and takes back what it put aside");
        ctx.state.isOpen = true;
        ctx.unstashAll();
      },
      fail(ctx, code?: string): void {
        at(ctx, `fails${code === undefined ? "" : ` with ${code}`}`);
        throw code === undefined ? new TypeError("a bug") : new ActorError(code, "as told");
      },
      async hold(ctx, gate: string): Promise<string> {
        at(ctx, `waits for ${gate}`);
        await gates.wait(gate);
        at(ctx, `goes on after ${gate}`);
        return gate;
      },
      async call(ctx, ...route: readonly string[]): Promise<string> {
        return await callOn(ctx, route, (what) => at(ctx, what), child());
      },
      raise(ctx, ...names: readonly string[]): void {
        for (const one of names) ctx.spawn(child(), one);
      },
      watch: (ctx, ref: AnyRef): void => ctx.watch(ref),
      leave: (ctx): void => ctx.stop(),
    },
  });
  return made as Kind<ActorProtocol>; // Stories name handlers by text.
}

interface State {
  count: number;
  isOpen: boolean;
}

/** `call b.call c.say hello` asks `b` to ask `c` to say hello. */
async function callOn(
  ctx: Context<State>,
  [target = "", ...rest]: readonly string[],
  at: Say,
  actor: Kind<ActorProtocol>,
): Promise<string> {
  const [name = "", handler = ""] = target.split(".");
  at(`asks ${[target, ...rest].join(" ")}`);
  try {
    const reply = await ctx.actor(actor, name).ask[handler]?.(...rest);
    at(`hears from ${target}: ${String(reply)}`);
    return String(reply);
  } catch (thrown) {
    if (!(thrown instanceof ActorError)) throw thrown;
    const { code, details } = thrown;
    const extra = Array.isArray(details.path) ? `, path ${details.path.join(" → ")}` : "";
    const where = details.waitingIn === undefined ? "" : `, waiting in ${String(details.waitingIn)}`;
    at(`hears from ${target}: ${code}${extra}${where}`);
    throw thrown;
  }
}

function describe(event: TroupeEvent): string {
  switch (event.type) {
    case "actorStarted":
      return `${event.actor.key} has started (${event.reason})`;
    case "actorStopped":
      return `${event.actor.key} has stopped (${event.reason})`;
    case "actorFailed":
      return `${event.actor.key} has failed in ${event.handler}: ${event.error.code}`;
    case "actorRestarting":
      return `${event.actor.key} begins again in ${event.delayMs} ms, restart ${event.restarts}`;
    case "deadLetter":
      return `dead letter to ${event.to.key}.${event.handler}: ${event.reason}`;
    default:
      return event.type;
  }
}
