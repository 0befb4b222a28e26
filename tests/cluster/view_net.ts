/**
 * View machines that talk to each other over a queue: a test says who hears what, and when.
 *
 * @module
 */
import { after, instant, type NodeId, nodeId } from "../../core/ids.ts";
import { seededRandom } from "../../core/random.ts";
import type { ProposeResult } from "../../cluster/engine.ts";
import { ALL_RULES, type Rules } from "../../cluster/rules.ts";
import type { View, ViewDraft } from "../../cluster/view.ts";
import {
  createViewMachine,
  install,
  propose,
  tickView,
  type ViewEffect,
  type ViewMachine,
  viewMessage,
} from "../../cluster/view_machine.ts";
import type { ViewMessage } from "../../cluster/view_protocol.ts";
import { at, SETTINGS, TIMES } from "./view_values.ts";

/** A message on its way. */
export interface Sent {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly message: ViewMessage;
}

/** Several machines, the time they share, and what is on its way between them. */
export class ViewNet {
  readonly machines: Map<NodeId, ViewMachine> = new Map();
  /** Messages that nobody has heard yet, in the order of sending. */
  queue: Sent[] = [];
  /** Everything a machine did beside sending. */
  readonly done: (readonly [NodeId, Exclude<ViewEffect, { readonly kind: "send" }>])[] = [];
  nowMs = 0;
  readonly #down = new Set<NodeId>();

  /** One machine for each name, all with `view` installed. */
  constructor(names: string, view: View, rules: Rules = ALL_RULES) {
    for (const name of names.split(" ")) this.add(name, rules, view);
  }

  /** One more machine. */
  add(name: string, rules: Rules, view: View | undefined): void {
    const self = nodeId(name);
    const options = { self, settings: SETTINGS, timings: TIMES, rules, random: seededRandom(name.charCodeAt(0)) };
    const machine = createViewMachine(options);
    this.machines.set(self, machine);
    if (view !== undefined) this.act(name, (some) => install(machine, view, at(this.nowMs), some));
  }

  /** The machine of a name. */
  at(name: string): ViewMachine {
    const machine = this.machines.get(nodeId(name));
    if (machine === undefined) throw new Error(`There is no machine ${name}`);
    return machine;
  }

  /** Lets one machine do something, and takes what comes of it. */
  act(name: string, act: (out: ViewEffect[]) => void): void {
    const out: ViewEffect[] = [];
    act(out);
    const from = nodeId(name);
    for (const effect of out) {
      if (effect.kind === "send") this.queue.push({ from, to: effect.to, message: effect.message });
      else this.done.push([from, effect]);
    }
  }

  /** A machine hears a message that may never have been sent. */
  hear(from: string, to: string, message: ViewMessage): void {
    this.act(to, (out) => viewMessage(this.at(to), nodeId(from), message, at(this.nowMs), out));
  }

  /** A machine proposes, by default for 15 s. */
  propose(name: string, draft: Partial<ViewDraft>, requestId = 1, waitMs = 15_000): void {
    const machine = this.at(name);
    const { view } = machine;
    if (view === undefined) throw new Error(`${name} has no view`);
    const whole = { members: view.members, partitions: view.partitions, ...draft };
    const now = at(this.nowMs);
    const deadline = after(instant(this.nowMs), waitMs);
    this.act(name, (out) => propose(machine, requestId, view.epoch, whole, deadline, now, out));
  }

  /** Delivers what is on its way, and what comes of that; what `keep` refuses is lost. */
  deliver(keep: (sent: Sent) => boolean = () => true): void {
    for (let sent = this.queue.shift(); sent !== undefined; sent = this.queue.shift()) {
      if (!keep(sent) || this.#down.has(sent.to) || !this.machines.has(sent.to)) continue;
      this.hear(sent.from, sent.to, sent.message);
    }
  }

  /** Lets time pass in ticks of 50 ms, delivering everything at once. */
  pass(ms: number, keep: (sent: Sent) => boolean = () => true): void {
    for (const end = this.nowMs + ms; this.nowMs < end;) {
      this.nowMs += 50;
      for (const name of this.machines.keys()) {
        if (!this.#down.has(name)) this.act(name, (out) => tickView(this.at(name), at(this.nowMs), out));
      }
      this.deliver(keep);
    }
  }

  /** Ends a machine. */
  crash(name: string): void {
    this.#down.add(nodeId(name));
  }

  /** What became of a machine's proposals. */
  results(name: string): readonly ProposeResult[] {
    return this.done.flatMap(([from, effect]) => from === name && effect.kind === "proposed" ? [effect.result] : []);
  }

  /** The epochs of all machines, as text. */
  get epochs(): string {
    return Array.from(this.machines, ([name, { view }]) => `${name}${view?.epoch ?? 0}`).join(" ");
  }
}
