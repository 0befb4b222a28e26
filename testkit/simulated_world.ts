/**
 * The world behind `simulate`: hosts, stores, faults and claims put together. Mutable; one per world.
 *
 * @module
 */
import { encodeToBytes } from "../core/codec.ts";
import { ActorError } from "../core/failure.ts";
import type { ActorKey } from "../core/ids.ts";
import type { AnyKind, Kind } from "../core/kind.ts";
import { actorKey, grainKey } from "../core/names.ts";
import type { SaveResult } from "../core/store.ts";
import type { Claim } from "../cluster/directory_protocol.ts";
import { ALL_RULES, type Rules } from "../cluster/rules.ts";
import { decodePeerWord } from "../system/peer_words.ts";
import type { ActorFrame, WordFrame } from "./actor_cluster.ts";
import { ActorNode, type ActorOperation, failureOfDone, nodeLost } from "./actor_node.ts";
import { ActorTrace } from "./actor_trace.ts";
import { ActorWorld } from "./actor_world.ts";
import { RunsChecker } from "./checkers/runs.ts";
import { type Expectation, Expectations } from "./expectations.ts";
import type { StoppedWay } from "./fault_plan.ts";
import { splitName } from "./fault_words.ts";
import { scaled } from "./keyed_random.ts";
import { MachineCluster, settingsOfCluster } from "./machine_cluster.ts";
import type { Birth } from "./process.ts";
import { type Cast, SimulationViolation } from "./scenario.ts";
import { SimStore, SimStoreContents, STORE_CALM } from "./sim_store.ts";
import type { Duration, SimulatedNode, SimulatedWorld, SimulateOptions } from "./simulate.ts";
import { choiceOf, drawnFault, type FaultChoice, isPlan, settingsOf, storeSettingsOf } from "./user_faults.ts";
import { UserCourier } from "./user_refs.ts";
import { checkExpectation, checkGroups, checkHost, checkKind, checkWithin, kindUnknown, msOf } from "./world_calls.ts";
import { checkWorldOptions, type WorldOptions } from "./world_options.ts";

const SPAWN_TIMEOUT_MS = 20_000;
const READY_MS_MAX = 120_000;
const READY_STEP_MS = 100;
/** An ask may end so much later than it should: a node takes a turn when its timers are due, not sooner. */
const ASK_LATE_MS_MAX = 1_000;

/** A simulated cluster, with rules that our own tests may take away. */
export class WorldOfActors implements SimulatedWorld {
  readonly #options: WorldOptions;
  readonly #rules: Rules;
  readonly #choice: FaultChoice | undefined;
  readonly #world: ActorWorld;
  readonly #trace: ActorTrace | undefined;
  readonly #contents: SimStoreContents;
  readonly #runs = new RunsChecker();
  readonly #expectations = new Expectations();
  readonly #stores = new Map<string, SimStore>();
  readonly #lost = new Map<string, Set<(error: ActorError) => void>>();
  readonly #logged: string[] = [];
  /** Hosts that have begun once. */
  readonly #begun = new Set<number>();
  #isReady = false;
  #areFaultsOver = false;
  #faultIndex = 0;

  /** Throws `invalid-options` with every problem. */
  constructor(given: SimulateOptions, rules: Rules = ALL_RULES) {
    const options = checkWorldOptions(given);
    this.#options = options;
    this.#rules = rules;
    const { seed, nodes, trace } = options;
    this.#choice = choiceOf(options.faults);
    this.#contents = new SimStoreContents({ ...storeSettingsOf(this.#choice), ...options.store });
    this.#trace = trace && new ActorTrace(trace.line, () => this.#world.nowMs);
    this.#world = new ActorWorld(
      seed,
      settingsOf(nodes, this.#choice),
      (world) => this.#cast(world),
      {
        look: () => {
          this.#runs.verdict();
          this.#expectations.check(this.#world.nowMs);
        },
      },
      this.#trace,
      trace?.frames ? trace.line : undefined,
    );
    this.#world.begin();
  }

  get nowMs(): number {
    return this.#world.nowMs;
  }

  get hash(): string {
    return this.#world.hash;
  }

  get counts(): { readonly events: number; readonly runs: number; readonly fencedWrites: number } {
    return {
      events: this.#world.eventCount,
      runs: this.#runs.runCount,
      fencedWrites: this.#contents.fencedCount,
    };
  }

  get outside(): ReadonlyMap<string, number> {
    return this.#world.outside;
  }

  get logged(): readonly string[] {
    return this.#logged;
  }

  node(index: number): SimulatedNode {
    const { kinds } = this.#options;
    const host = this.#hostOf(index, "give the node");
    const courier = new UserCourier(
      {
        actorsOf: (at) => this.#world.sim.at(at).process?.actors,
        waitAt: (at, promise, what, lost, withinMs) => this.#waitAt(at, promise, what, lost, withinMs),
        refused: (at, what, error) => this.#refused(at, what, error),
        whenReady: () => this.#isReady ? undefined : this.ready(),
      },
      host,
      this.#options.askTimeoutMs,
    );
    const refOf = <P>(kind: AnyKind, key: ActorKey) => {
      checkKind(kind, kinds);
      return courier.ref<P>(kind, key);
    };
    const up = () => this.#world.sim.at(host).process !== undefined;
    return {
      get isUp() {
        return up();
      },
      grain: <P, Init>(kind: Kind<P, Init>, name: string) => refOf<P>(kind, grainKey(kind.name, name)),
      actor: <P, Init>(kind: Kind<P, Init>, name: string) => refOf<P>(kind, actorKey(name)),
      spawn: async <P, Init>(name: string, kind: Kind<P, Init>, ...init: unknown[]) => {
        await this.#spawn(host, kind, name, init[0]);
        return courier.ref<P>(kind, actorKey(name));
      },
      stop: (name) => this.#stop(host, name),
    };
  }

  async ready(withinMs: number = READY_MS_MAX): Promise<void> {
    checkWithin(withinMs);
    const untilMs = this.#world.nowMs + withinMs;
    for (;;) {
      const waiting = this.#world.sim.nodes.find(({ process }) => process?.unready() !== undefined);
      if (waiting === undefined) break;
      if (this.#world.nowMs >= untilMs) {
        const why = waiting.process?.unready() ?? "it is down";
        throw new ActorError("start-failed", `Node ${waiting.host} is not ready after ${withinMs} ms: ${why}`);
      }
      await this.#world.pass(READY_STEP_MS);
    }
    if (!this.#isReady) this.#beginFaults();
    this.#isReady = true;
  }

  async run(duration: Duration): Promise<void> {
    const ms = msOf(duration);
    if (!this.#isReady) await this.ready();
    await this.#world.pass(ms);
    this.#checkAsks();
  }

  expect(expectation: Expectation): void {
    checkExpectation(expectation);
    this.#expectations.add(expectation, this.#world.nowMs);
    // So that somebody looks when its time is over, though nothing happens then.
    if (expectation.kind === "eventually") this.#world.later(expectation.withinMs + 1, () => {});
  }

  crash(index: number): void {
    this.#world.crash(this.#hostOf(index, "crash the node"), undefined);
  }

  restart(index: number): void {
    this.#world.restart(this.#hostOf(index, "restart the node"));
  }

  split(...groups: readonly (readonly number[])[]): void {
    const { nodes } = this.#options;
    checkGroups(groups, nodes);
    const groupOf = (host: number) => groups.findIndex((group) => group.includes(host));
    const ways: StoppedWay[] = [];
    for (let from = 0; from < nodes; from++) {
      for (let to = 0; to < nodes; to++) {
        const isTogether = from === to || (groupOf(from) >= 0 && groupOf(from) === groupOf(to));
        if (!isTogether) ways.push({ from, to, isCut: true });
      }
    }
    this.#world.block(ways, splitName(groups));
  }

  heal(): void {
    this.#areFaultsOver = true;
    this.#contents.settings = { ...STORE_CALM, ...this.#options.store, failPerMille: 0 };
    this.#world.mend();
    for (const { host, isUp } of this.#world.sim.nodes) if (!isUp) this.#world.restart(host);
  }

  saved<State = unknown>(kind: { readonly name: string }): ReadonlyMap<string, State> {
    if (!this.#options.kinds.some(({ name }) => name === kind.name)) throw kindUnknown(kind.name);
    return this.#contents.statesOf(kind.name) as ReadonlyMap<string, State>;
  }

  // ------------------------------------------------------------------------------------------------

  #hostOf(index: number, what: string): number {
    checkHost(index, this.#options.nodes, what);
    return index;
  }

  /** Every ask of an actor ends by its deadline, as long as its node runs. */
  #checkAsks(): void {
    for (const { host, process, isStill } of this.#world.sim.nodes) {
      if (process === undefined || isStill || process.actors.isFrozen) continue;
      const nowMs = this.#world.clockOf(host).mono;
      for (const { deadline, subject } of process.actors.asks.abroad) {
        if (deadline + ASK_LATE_MS_MAX > nowMs) continue;
        throw new SimulationViolation(
          "asks end",
          `${subject.to}.${subject.handler} was asked and has not ended in time`,
        );
      }
    }
  }

  #beginFaults(): void {
    const { faults } = this.#options;
    if (isPlan(faults)) {
      for (const fault of faults) this.#world.later(fault.atMs, () => this.#befall(() => this.#world.befall(fault)));
    } else if (this.#choice !== undefined) this.#drawFault(this.#choice);
  }

  #drawFault(choice: FaultChoice): void {
    const { sim } = this.#world;
    const drawn = drawnFault(this.#faultIndex++, this.#world.nowMs, choice, this.#options.nodes, sim.random);
    if (drawn === undefined) return;
    this.#world.later(drawn.waitMs, () =>
      this.#befall(() => {
        this.#world.befall(drawn.fault);
        this.#drawFault(choice);
      }));
  }

  #befall(go: () => void): void {
    if (!this.#areFaultsOver) go();
  }

  #cast(
    world: ActorWorld,
  ): Cast<ActorFrame, ActorOperation, never, ActorNode> {
    const { nodes, kinds } = this.#options;
    const settings = settingsOfCluster(nodes);
    const names = kinds.map(({ name }) => name);
    return {
      subject: {
        name: "actors",
        create: (birth) => this.#process(world, birth, new MachineCluster(birth, settings, names, this.#rules)),
        frameName: (frame) => `${frame.part} ${frame.part === "system" ? wordName(frame) : frame.message.kind}`,
        noteLine: () => "",
      },
      checkers: [{
        name: "lives",
        onBorn: (_world, { host }) => {
          this.#trace?.say(host, this.#begun.has(host) ? "begins again" : "begins");
          this.#begun.add(host);
        },
        onEnded: (_world, _node, ended, end) => {
          if (end === "retire") this.#trace?.say(ended.host, "drops its actors: its cluster goes on without it");
          ended.isGone = true;
          this.#stores.get(ended.id)?.abandon();
          for (const lose of this.#lost.get(ended.id) ?? []) lose(nodeLost("it"));
          this.#lost.delete(ended.id);
        },
      }],
    };
  }

  #process(
    world: ActorWorld,
    birth: Birth,
    cluster: MachineCluster,
  ): ActorNode {
    const { kinds, resources, askTimeoutMs } = this.#options;
    const { random } = birth;
    const draw = (count: number) => scaled(random.u32(), count);
    const trace = this.#trace;
    const heard = trace && ((key: string, result: SaveResult | undefined, isFailing: boolean) => {
      trace.saved(birth.host, key, result, isFailing);
    });
    const store = new SimStore(this.#contents, (ms, go) => world.later(ms, go), draw, heard);
    this.#stores.set(birth.id, store);
    return new ActorNode({
      birth,
      kinds,
      cluster,
      store,
      generation: () => this.#contents.generationOf(cluster.clusterId),
      clock: () => world.clockOf(birth.host),
      later: (ms, go) => world.later(ms, go),
      resources,
      askTimeoutMs,
      watcher: {
        sent: (payload, sender, target) => this.#runs.sent(payload, sender, target),
        ran: ({ id, host }, ctx, token, payload) => {
          trace?.runs(host, ctx.cell.key, ctx.handler);
          this.#runs.ran(id, ctx, token, payload);
        },
        event: ({ host }, event) => trace?.event(host, event),
        lost: ({ host }, target, reason) => trace?.lost(host, target, reason),
        lease: ({ host }, change) => trace?.lease(host, change),
        askFailed: ({ host }, subject, error) => trace?.askFailed(host, subject, error),
        logged: ({ host }, level, message) => {
          if (level === "warn" || level === "error") this.#logged.push(`${level} at node ${host}: ${message}`);
        },
      },
    });
  }

  /** Waits with the world going on; fails when the process of the host ends. */
  #waitAt<T>(host: number, promise: Promise<T>, what: string, lost: ActorError, withinMs: number): Promise<T> {
    const { process } = this.#world.sim.at(host);
    if (process === undefined) return this.#refused(host, what, lost);
    const { promise: ended, reject } = Promise.withResolvers<never>();
    const losers = this.#lost.get(process.id) ?? new Set();
    this.#lost.set(process.id, losers);
    const lose = () => reject(lost);
    losers.add(lose);
    this.#world.later(withinMs, () => reject(overdue(lost)));
    const first = Promise.race([promise, ended]);
    // Beside the way to who waits: a trace must not make it longer.
    if (this.#trace !== undefined) first.catch((error) => this.#trace?.failed(host, what, error));
    return this.#world.during(first).finally(() => losers.delete(lose));
  }

  #refused(host: number, what: string, error: ActorError): Promise<never> {
    this.#trace?.failed(host, what, error);
    return Promise.reject(error);
  }

  async #spawn(host: number, kind: AnyKind, name: string, init: unknown): Promise<void> {
    checkKind(kind, this.#options.kinds);
    const key = actorKey(name);
    if (!this.#isReady) await this.ready();
    const { process } = this.#world.sim.at(host);
    const what = `spawn of ${name}`;
    const lost = nodeLost(what);
    if (process === undefined) return this.#refused(host, what, lost);
    const claim: Claim = {
      type: "actor",
      kind: kind.name,
      spec: init === undefined ? new Uint8Array() : encodeToBytes(init, process.actors.refs),
      isRelocatable: true,
      isEager: false,
      role: "",
      idempotencyKey: "",
    };
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    process.spawn({ key, claim, placement: { kind: "local" } }, SPAWN_TIMEOUT_MS, (effect) => {
      const error = failureOfDone(effect);
      if (error === undefined) resolve();
      else reject(error);
    });
    await this.#waitAt(host, promise, what, lost, SPAWN_TIMEOUT_MS + 1_000);
  }

  async #stop(host: number, name: string): Promise<void> {
    const { process } = this.#world.sim.at(host);
    const lost = nodeLost(`the stop of ${name}`);
    if (process === undefined) return this.#refused(host, `stop of ${name}`, lost);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    process.stop(actorKey(name), SPAWN_TIMEOUT_MS, (effect) => {
      const error = failureOfDone(effect);
      if (error === undefined) resolve();
      else reject(error);
    });
    await this.#waitAt(host, promise, `stop of ${name}`, lost, SPAWN_TIMEOUT_MS + 1_000);
  }
}

function wordName({ word }: WordFrame): string {
  return decodePeerWord(word).kind;
}

/** A node that stands still, or is frozen, does not say itself that the time is over. */
function overdue(lost: ActorError): ActorError {
  return new ActorError("ask-timeout", `${lost.message.replace(": its node is gone", "")}: no answer in time`);
}
