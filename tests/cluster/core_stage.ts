/**
 * Transcripts of whole cores: engine, detector and leader of a few nodes, with 10 ms between any two of them. A line
 * that begins with `>` is a command, an indented line what came of it, every other line is prose.
 *
 * | Command | Does |
 * | --- | --- |
 * | `show prepare accept` | from now on, prints messages of these kinds when they are sent; `show` alone prints none |
 * | `start a b c` | starts processes that discover each other at `a`, `b`, `c` |
 * | `start c2 at c` | starts another process at an address |
 * | `run 500` | lets 500 ms pass, in ticks of 50 ms |
 * | `crash c` | ends a process without a word |
 * | `cut a b / c` | a network in pieces; `cut` alone joins them again |
 * | `claim b k` | `b` claims the name `k` |
 * | `read b k` | `b` reads who has the name `k` |
 * | `leave c` | `c` wants to leave, until it is said to everybody |
 * | `members` | prints the view of every process |
 *
 * There is one partition with up to three copies. An output line begins with the milliseconds since the start.
 *
 * @module
 */
import { after, epoch, instant, nodeId } from "../../core/ids.ts";
import { seededRandom } from "../../core/random.ts";
import {
  beginStep,
  type ClusterCore,
  coreDiscovered,
  type CoreEffect,
  coreFrame,
  coreRequest,
  createCore,
  type Frame,
  leaveWanted,
  tickCore,
  viewOf,
} from "../../cluster/cluster_core.ts";
import type { CasResult, EngineRequest, EngineResult, GetResult, LeaseStatus } from "../../cluster/engine.ts";
import { ALL_RULES } from "../../cluster/rules.ts";
import type { View } from "../../cluster/view.ts";
import { member } from "./planned.ts";
import { at, record, SETTINGS, TIMES } from "./view_values.ts";

const LATENCY_MS = 10;

interface Running {
  readonly core: ClusterCore;
  readonly address: string;
}

interface Travelling {
  readonly from: string;
  /** An id, or an address. */
  readonly to: string;
  readonly frame: Frame;
  readonly arrivesMs: number;
}

/** The same text with the output of a fresh run. */
export function replayCore(text: string): string {
  const stage = new Stage();
  const lines: string[] = [];
  for (const line of text.split("\n").filter((one) => !one.startsWith("  "))) {
    lines.push(line);
    if (!line.startsWith("> ")) continue;
    stage.perform(line.slice(2).trim().split(/\s+/));
    lines.push(...stage.take());
  }
  return lines.join("\n");
}

class Stage {
  #said: { readonly time: string; readonly text: string; readonly to: string | undefined }[] = [];
  #nowMs = 0;
  readonly #nodes = new Map<string, Running>();
  #travelling: Travelling[] = [];
  #shown: ReadonlySet<string> = new Set();
  #sides: readonly (readonly string[])[] = [];
  readonly #asked: string[] = [];
  readonly #leases = new Map<string, LeaseStatus>();

  perform([verb = "", ...rest]: readonly string[]): void {
    const [first = "", second = ""] = rest;
    switch (verb) {
      case "show":
        this.#shown = new Set(rest);
        return;
      case "start":
        return second === "at" ? this.#start(first, rest[2] ?? first) : rest.forEach((name) => this.#start(name, name));
      case "run":
        return this.#run(Number(first));
      case "crash":
        return void this.#nodes.delete(first);
      case "cut":
        this.#sides = rest.join(" ").split("/").map((side) => side.trim().split(" ")).filter(([name]) => name !== "");
        return;
      case "claim":
        return this.#ask(first, `${first}'s claim of ${second}`, {
          kind: "cas",
          key: second,
          expect: "absent",
          record: record(first),
          opId: `${first} claims ${second}`,
        });
      case "read":
        return this.#ask(first, `${first}'s read of ${second}`, { kind: "get", key: second });
      case "leave":
        return this.#nodes.forEach((_, name) => {
          this.#step(name, (core, out) => leaveWanted(core, nodeId(first), at(this.#nowMs), out));
        });
      case "members":
        return this.#nodes.forEach(({ core }, name) => this.#say(`${name}: ${viewText(viewOf(core))}`));
      default:
        throw new Error(`There is no command ${verb}`);
    }
  }

  /** What was said since this was last asked; what one node says to several at once is one line. */
  take(): readonly string[] {
    const lines: string[] = [];
    for (let index = 0; index < this.#said.length; index++) {
      const said = this.#said[index];
      if (said === undefined) continue;
      const targets = said.to === undefined ? [] : [said.to];
      for (
        let next = this.#said[index + 1];
        next?.to !== undefined && next.text === said.text && next.time === said.time;
      ) {
        targets.push(next.to);
        next = this.#said[++index + 1];
      }
      lines.push(`  ${said.time.padStart(6)}  ${said.text}${targets.length === 0 ? "" : ` → ${targets.join(", ")}`}`);
    }
    this.#said = [];
    return lines;
  }

  #start(name: string, address: string): void {
    const now = at(this.#nowMs);
    const core = createCore({
      self: { ...member(name, { address }), joinEpoch: epoch(0) },
      settings: { ...SETTINGS, minimumPeersQuorum: 2 },
      timings: TIMES,
      rules: ALL_RULES,
      random: seededRandom(name.charCodeAt(0)),
      bornAt: now,
      processStartedAt: now,
      wasMember: false,
      chunkEntries: 2,
      changesKept: 64,
      tableBytes: 1 << 20,
    });
    this.#nodes.set(name, { core, address });
  }

  #run(ms: number): void {
    for (const end = this.#nowMs + ms; this.#nowMs < end;) {
      this.#nowMs += LATENCY_MS;
      const due = this.#travelling.filter(({ arrivesMs }) => arrivesMs <= this.#nowMs);
      this.#travelling = this.#travelling.filter(({ arrivesMs }) => arrivesMs > this.#nowMs);
      for (const { from, to, frame } of due) {
        const name = this.#nodes.has(to) ? to : [...this.#nodes].find(([, { address }]) => address === to)?.[0];
        if (name === undefined || !this.#joins(from, name)) continue;
        this.#step(name, (core, out) => coreFrame(core, nodeId(from), frame, at(this.#nowMs), out));
      }
      if (this.#nowMs % TIMES.tickMs === 0) this.#tick();
    }
  }

  #tick(): void {
    const addresses = Array.from(this.#nodes.values(), ({ address }) => address);
    for (const name of this.#nodes.keys()) {
      this.#step(name, (core, out) => {
        coreDiscovered(core, addresses, at(this.#nowMs));
        tickCore(core, at(this.#nowMs), out);
      });
    }
  }

  #ask(name: string, what: string, request: EngineRequest): void {
    const requestId = this.#asked.push(what) - 1;
    const deadline = after(instant(this.#nowMs), 20_000);
    const input = { kind: "engineRequest", requestId, deadline, request } as const;
    this.#step(name, (core, out) => coreRequest(core, input, at(this.#nowMs), out));
  }

  #step(name: string, act: (core: ClusterCore, out: CoreEffect[]) => void): void {
    const node = this.#nodes.get(name);
    if (node === undefined) return;
    const out: CoreEffect[] = [];
    beginStep(node.core, at(this.#nowMs), out);
    act(node.core, out);
    for (const effect of out) this.#follow(name, effect);
  }

  #follow(name: string, effect: CoreEffect): void {
    switch (effect.kind) {
      case "send":
        return this.#post(name, effect.to, effect.frame);
      case "greet":
        return this.#post(name, effect.address, effect.frame);
      case "engineView":
        return this.#say(`${name} installs ${viewText(effect.view)}`);
      case "engineLease":
        if (this.#leases.get(name) === effect.status) return;
        this.#leases.set(name, effect.status);
        return this.#say(`${name}'s lease is ${effect.status}`);
      case "engineDone":
        return this.#say(`${this.#asked[effect.requestId]} is answered: ${resultText(effect.result)}`);
      case "engineDuty":
        return this.#say(`${name} ${effect.isOn ? "begins" : "ceases"} to own the partition`);
      case "engineDataLoss":
        return this.#say(`${name} announces a loss: ${effect.recovered} names were recovered`);
      case "voted":
        return this.#say(`${name} accepts view ${effect.view.epoch}`);
      case "retire":
        this.#say(`${name} is over: ${effect.reason}`);
        return void this.#nodes.delete(name);
    }
  }

  #post(from: string, to: string, frame: Frame): void {
    this.#travelling.push({ from, to, frame, arrivesMs: this.#nowMs + LATENCY_MS });
    if (!this.#shown.has(frame.message.kind)) return;
    this.#say(`${from}: ${messageText(frame)}`, to.replace(":4000", ""));
  }

  #joins(one: string, other: string): boolean {
    return this.#sides.length === 0 || this.#sides.some((side) => side.includes(one) && side.includes(other));
  }

  #say(text: string, to?: string): void {
    this.#said.push({ time: String(this.#nowMs), text, to });
  }
}

/** What a message says, as far as a story needs it. */
function messageText({ message }: Frame): string {
  switch (message.kind) {
    case "prepare":
    case "accepted":
      return `${message.kind} for view ${message.epoch}, ballot ${message.ballot.round}`;
    case "promise":
      return `promise for view ${message.epoch}${message.accepted === undefined ? "" : ", and what it has accepted"}`;
    case "accept":
      return `accept ${viewText(message.view)}`;
    case "commit":
      return `commit view ${message.view.epoch}`;
    case "wait":
      return `wait for ${message.remainingMs} ms`;
    case "alert":
      return `${message.subject} is ${message.alert}`;
    case "seal":
    case "holdingsRequest":
    case "ready":
      return `${message.kind} for ${message.cfg}`;
    case "sealed":
      return `sealed for ${message.cfg}: has ${message.est}.${message.seq}`;
    case "fetch":
      return `fetch for ${message.cfg}, chunk ${message.index}`;
    case "fetched":
    case "install":
      return `${message.kind}, chunk ${message.index} of ${message.count}: ${
        message.entries.map(({ key }) => key).join(" ")
      }`;
    case "stored":
      return `stored for ${message.cfg}, chunks: ${message.received}`;
    case "registryRequest":
      return `registryRequest ${message.operations.map(({ kind }) => kind).join(" ")}, under view ${message.epoch}`;
    case "registryReply":
      return `registryReply ${message.answers.map(({ result }) => plain(result)).join(" ")}`;
    case "replicate":
      return `replicate ${message.cfg}.${message.first}, changes: ${message.changes.length}`;
    case "replicated":
      return `replicated up to ${message.est}.${message.seq}`;
    case "found":
      return `found a cluster of ${message.view.members.map(({ id }) => id).join(" ")}`;
    case "founderAccepts":
      return `founderAccepts, quiet for ${message.quietMs} ms`;
    case "hello":
      return `hello, ${message.standing}, sees ${message.sees.join(" ") || "nobody"}`;
    default:
      return message.kind;
  }
}

function viewText(view: View | undefined): string {
  if (view === undefined) return "no view";
  const votes = view.voters.map(({ id, weight }) => weight === 1 ? id : `${id}:${weight}`).join(" ");
  const [place] = view.partitions;
  const next = place?.next === undefined ? "" : `, to be ${place.next.group.join(" ")}`;
  const members = view.members.map(({ id }) => id).join(" ");
  return `view ${view.epoch} of ${members}; voters ${votes}; partition ${place?.cfg} at ${
    place?.group.join(" ")
  }${next}`;
}

function resultText(result: EngineResult): string {
  return result.kind === "cas" || result.kind === "get" ? plain(result.result) : result.kind;
}

function plain(result: CasResult | GetResult): string {
  switch (result.kind) {
    case "ok":
      return `ok ${result.version.cfg}.${result.version.seq}`;
    case "conflict":
      return `conflict with ${result.current?.record.holder ?? "nobody"}`;
    case "found":
      return result.entry === null ? "nobody" : `${result.entry.record.holder}`;
    case "unavailable":
      return result.reason + (result.indeterminate ? ", nobody knows" : "");
    default:
      return result satisfies never;
  }
}
