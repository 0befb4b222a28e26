/**
 * What happened in a run, told for people: few lines, nodes by the names of their hosts, what many do at the same time in
 * one line. Pure but for whoever takes the lines.
 *
 * One idea: a run has thousands of frames and a story has a hundred facts. A fact is told once, when it first becomes
 * true; whoever shares it within a moment shares its line.
 *
 * Invariant: the storyteller is a checker that never throws, so a run that is told is the same run as one that is not.
 *
 * @module
 */
import type { NodeId } from "../core/ids.ts";
import type { Frame } from "../cluster/cluster_core.ts";
import { hasQuorum, isMember, type View } from "../cluster/view.ts";
import type { ClusterNote } from "./cluster_notes.ts";
import type { ProcessInput, SimulatedProcess } from "./process.ts";
import type { Cast, Checker, ProcessEnd, Scenario, World, WorldNode } from "./scenario.ts";
import { type Fact, factOfEvent, factOfFrame, factOfLease } from "./story_facts.ts";
import { listed, type Namer, viewWords } from "./story_words.ts";
import type { Tracer } from "./transcript.ts";

/** Facts of one moment share a line: a view reaches a small cluster within some milliseconds. */
const MOMENT_MS = 25;
/** Facts that are told once are remembered, so many at most; then some may be told again. */
const KNOWN_MAX = 100_000;

/** A line that may still grow. */
interface Line {
  readonly atMs: number;
  readonly fact: Fact;
  readonly hosts: Set<string>;
  readonly things: Set<string>;
}

/**
 * The scenario with a storyteller: every line of the story goes to `tell`, in order, the last ones at the end.
 *
 * @param words What a user's operation is called; otherwise what transcripts call it.
 */
export function withStory<O, P extends SimulatedProcess<Frame, O, ClusterNote>>(
  scenario: Scenario<Frame, O, ClusterNote, P>,
  tell: Tracer,
  words?: (operation: O) => string,
): Scenario<Frame, O, ClusterNote, P> {
  return {
    name: scenario.name,
    begin(plan): Cast<Frame, O, ClusterNote, P> {
      const cast = scenario.begin(plan);
      const storyteller = new Storyteller<O, P>(tell, words ?? cast.subject.operationLine);
      return { ...cast, checkers: [storyteller, ...cast.checkers] };
    },
  };
}

class Storyteller<O, P extends SimulatedProcess<Frame, O, ClusterNote>>
  implements Checker<Frame, O, ClusterNote, P>, Namer {
  readonly name = "story";
  readonly #tell: Tracer;
  readonly #words: ((operation: O) => string) | undefined;
  readonly #names = new Map<NodeId, string>();
  readonly #lines = new Map<string, Line>();
  readonly #known = new Set<string>();
  readonly #votes = new Map<string, Set<NodeId>>();
  readonly #views = new Map<string, View>();

  constructor(tell: Tracer, words: ((operation: O) => string) | undefined) {
    this.#tell = tell;
    this.#words = words;
  }

  nameOf(id: NodeId): string {
    return this.#names.get(id) ?? id;
  }

  onBorn({ nowMs }: World<O, P>, { host }: WorldNode<P>, { id }: P): void {
    const lives =
      [...this.#names.values()].filter((name) => name === `n${host}` || name.startsWith(`n${host}/`)).length;
    this.#names.set(id, lives === 0 ? `n${host}` : `n${host}/${lives + 1}`);
    this.#say(nowMs, id, { key: "born", text: (who) => `${who} start${plural(who)}` });
  }

  onEnded({ nowMs }: World<O, P>, _node: WorldNode<P>, { id }: P, end: ProcessEnd): void {
    const text = end === "crash"
      ? (who: string) => `${who} CRASHES: its memory is gone, and nobody is told`
      : (who: string) => `${who} is over; another takes its place on the same host`;
    this.#say(nowMs, id, { key: `end ${end}`, text });
  }

  onNote({ nowMs }: World<O, P>, { process: at }: WorldNode<P>, note: ClusterNote): void {
    if (at === undefined) return;
    const { id } = at;
    switch (note.kind) {
      case "voted":
        return this.#voted(nowMs, id, note.base, note.view);
      case "installed":
        return this.#installed(nowMs, id, note.view);
      case "lease":
        return this.#say(nowMs, id, factOfLease(note.status));
      case "executed": {
        const { key, token: { cfg, seq } } = note;
        return this.#sayOnce(nowMs, id, {
          key: `runs ${id} ${key} ${cfg}.${seq}`,
          text: (who) => `${who} runs ${key}, by claim ${cfg}.${seq}`,
        });
      }
      case "delivered": {
        const { key, sender, seq } = note;
        const from = this.#names.get(sender as NodeId) ?? sender;
        const text = (who: string) => `${key} on ${who} gets message ${seq} of ${from}`;
        return this.#say(nowMs, id, { key: `delivered ${key} ${seq} ${sender}`, text });
      }
      case "ended": {
        // The first word of an operation's name is what ended: `spawn <node>/<number>`; a request has no other.
        const [first = ""] = note.id.split(" ");
        const what = first === "" ? "request" : first;
        const text = (who: string) => `the ${what} of ${who}'s user ends: ${note.how}`;
        return this.#say(nowMs, id, { key: `ended ${note.id}`, text });
      }
      case "event": {
        const fact = factOfEvent(note.event, this);
        return fact === undefined ? undefined : this.#say(nowMs, id, fact);
      }
      case "dataLoss":
      case "odd":
        return this.#say(nowMs, id, {
          key: JSON.stringify(note),
          text: (who) => `${who} notes: ${JSON.stringify(note)}`,
        });
      case "acked":
      case "released":
      case "ran":
      case "left":
      case "called":
      case "asked":
        return;
      default:
        note satisfies never;
    }
  }

  onStep({ nowMs }: World<O, P>, { process: at }: WorldNode<P>, input: ProcessInput<Frame, O>): void {
    this.#flush(nowMs - MOMENT_MS);
    if (input.kind === "operation" && at !== undefined) {
      const words = this.#words?.(input.operation) ?? JSON.stringify(input.operation);
      return this.#say(nowMs, at.id, { key: `asked ${words} ${nowMs}`, text: (who) => `a user asks ${who}: ${words}` });
    }
    if (input.kind !== "frame" || at === undefined) return;
    const fact = factOfFrame(at.id, input.from, input.frame.message, this);
    if (fact !== undefined) this.#sayOnce(nowMs, fact.by, fact);
  }

  onHealed({ nowMs }: World<O, P>): void {
    this.#flush(Infinity);
    this.#tell(`${timeOf(nowMs)}  — from here on nothing goes wrong any more —`);
  }

  onEnd(): void {
    this.#flush(Infinity);
  }

  #voted(nowMs: number, by: NodeId, base: View, view: View): void {
    const name = `${view.clusterId} ${view.epoch} ${view.draft}`;
    this.#say(nowMs, by, { key: `votes ${name}`, text: (who) => `${who} vote${plural(who)} for view ${view.epoch}` });
    const votes = this.#votes.get(name) ?? new Set();
    const had = hasQuorum(base, votes);
    this.#votes.set(name, votes.add(by));
    if (had || !hasQuorum(base, votes)) return;
    this.#flushKey(`votes ${name}`);
    const gone = base.members.filter(({ id }) => !isMember(view, id)).map(({ id }) => this.nameOf(id));
    const without = gone.length === 0 ? "" : `, without ${listed(gone)},`;
    this.#say(nowMs, by, {
      key: `chosen ${name}`,
      text: () => `view ${view.epoch}${without} IS CHOSEN`,
    });
  }

  #installed(nowMs: number, by: NodeId, view: View): void {
    const before = this.#views.get(`${view.clusterId} ${view.epoch - 1}`);
    this.#views.set(`${view.clusterId} ${view.epoch}`, view);
    const text = (who: string) => `${who} install${plural(who)} view ${view.epoch}: ${viewWords(before, view, this)}`;
    this.#say(nowMs, by, { key: `installed ${view.clusterId} ${view.epoch}`, text });
  }

  #sayOnce(nowMs: number, by: NodeId, fact: Fact): void {
    const key = `${fact.key} ${by} ${fact.thing ?? ""}`;
    if (this.#known.has(key)) return;
    if (this.#known.size >= KNOWN_MAX) this.#known.clear();
    this.#known.add(key);
    this.#say(nowMs, by, fact);
  }

  #say(nowMs: number, by: NodeId, fact: Fact): void {
    let line = this.#lines.get(fact.key);
    if (line === undefined) {
      line = { atMs: nowMs, fact, hosts: new Set(), things: new Set() };
      this.#lines.set(fact.key, line);
    }
    line.hosts.add(this.nameOf(by));
    if (fact.thing !== undefined) line.things.add(fact.thing);
  }

  #flushKey(key: string): void {
    const line = this.#lines.get(key);
    if (line !== undefined) this.#flush(line.atMs);
  }

  #flush(untilMs: number): void {
    for (const [key, { atMs, fact, hosts, things }] of this.#lines) {
      if (atMs > untilMs) return;
      this.#lines.delete(key);
      this.#tell(`${timeOf(atMs)}  ${fact.text(listed([...hosts]), listed([...things]))}`);
    }
  }
}

function plural(who: string): string {
  return who.includes(" ") ? "" : "s";
}

function timeOf(ms: number): string {
  return (ms / 1_000).toFixed(3).padStart(8);
}
