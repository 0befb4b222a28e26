/**
 * A parent and its children that do as they are told, for tests of families.
 *
 * @module
 */
import { kind } from "../../core/kind.ts";
import type { ActorRef, AnyRef } from "../../core/ref.ts";
import type { SupervisionOptions } from "../../core/supervision.ts";
import { Gates } from "./gates.ts";
import { Rig } from "./rig.ts";

/** No waiting before a restart. */
export const AT_ONCE = { minMs: 0, maxMs: 0 };

interface ChildProtocol {
  readonly count: () => number;
  readonly fail: () => void;
  /** Spawns a child of its own. */
  readonly raise: (name: string) => void;
}

interface ParentProtocol {
  readonly raise: (...names: string[]) => readonly string[];
  readonly children: () => readonly string[];
  readonly end: (child: AnyRef) => void;
  readonly leave: () => void;
  readonly fail: () => void;
  /** What spawning says: `ok`, or the code of its failure. */
  readonly spawnTwice: (name: string) => string;
  /** The same, after `hold` has opened. */
  readonly holdThenRaise: () => Promise<string>;
}

/** A rig with one family in it. */
export interface Family {
  /** What the hooks of the family said. */
  readonly journal: string[];
  readonly gates: Gates;
  readonly rig: Rig;
  /** The parent, `p`. */
  readonly family: ActorRef<ParentProtocol>;
  /** The child `p/name`. */
  readonly child: (name: string) => ActorRef<ChildProtocol>;
}

/**
 * `p`, whose children `raise` makes; those named `slow…` end when the gate `stop` opens; those named `sick…` do not
 * start while somebody waits for the gate `sick`.
 */
export function family(policy: { child?: SupervisionOptions; parent?: SupervisionOptions } = {}): Family {
  const journal: string[] = [];
  const gates = new Gates();
  const Child = kind("child", {
    state: () => ({ count: 0 }),
    supervision: { backoff: AT_ONCE, ...policy.child },
    onStart(ctx, reason) {
      journal.push(`${ctx.key} onStart ${reason}`);
      if (ctx.name.startsWith("sick") && gates.waiting.includes("sick")) throw new Error("sick");
    },
    onStop(ctx, reason) {
      const said = () => void journal.push(`${ctx.key} onStop ${reason}`);
      return ctx.name.startsWith("slow") ? gates.wait("stop").then(said) : said();
    },
    handlers: {
      count: (ctx): number => ++ctx.state.count,
      fail(): void {
        throw new Error("broken");
      },
      raise(ctx, name: string): void {
        ctx.spawn(ChildSelf, name);
      },
    },
  });
  const ChildSelf: typeof Child = Child;
  const Parent = kind("parent", {
    supervision: { backoff: AT_ONCE, ...policy.parent },
    onStart: (ctx, reason) => void journal.push(`${ctx.key} onStart ${reason}`),
    onStop(ctx, reason) {
      journal.push(`${ctx.key} onStop ${reason} ${codeOf(() => ctx.spawn(Child, "late"))}`);
    },
    onRestart(ctx) {
      journal.push(`${ctx.key} onRestart ${codeOf(() => ctx.spawn(Child, "late"))}`);
    },
    handlers: {
      raise(ctx, ...names: string[]): readonly string[] {
        return names.map((name) => ctx.spawn(Child, name).key);
      },
      children: (ctx): readonly string[] => ctx.children.map(({ key }) => key),
      end: (ctx, child: AnyRef): void => ctx.stop(child),
      leave: (ctx): void => ctx.stop(),
      fail(): void {
        throw new Error("broken");
      },
      spawnTwice: (ctx, name: string): string => codeOf(() => ctx.spawn(Child, name)),
      async holdThenRaise(ctx): Promise<string> {
        await gates.wait("hold");
        return codeOf(() => ctx.spawn(Child, "late"));
      },
    },
  });
  const rig = new Rig({ kinds: [Child, Parent], workers: 2 });
  const family = rig.spawn(Parent, "p");
  return { journal, gates, rig, family, child: (name) => rig.actor(Child, `p/${name}`) };
}

function codeOf(act: () => unknown): string {
  try {
    act();
    return "ok";
  } catch (thrown) {
    return (thrown as { code?: string }).code ?? String(thrown);
  }
}
