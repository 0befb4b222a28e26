/**
 * One clustered host with a port that writes everything down, a clock that stands still, and turns that the test makes.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { decodeFromBytes } from "../../core/codec.ts";
import { type ActorKey, epoch, instant, type ThreadIndex } from "../../core/ids.ts";
import type { AnyKind, Kind } from "../../core/kind.ts";
import { actorKey, grainKey } from "../../core/names.ts";
import { seededRandom } from "../../core/random.ts";
import type { ActorRef } from "../../core/ref.ts";
import type { StateStore } from "../../core/store.ts";
import type {
  ActivationToken,
  ClusterLetter,
  ClusterPort,
  LetterOutcome,
  Remains,
} from "../../workers/cluster_port.ts";
import { KindTable } from "../../workers/kind_table.ts";
import { decodeLetter, encodeLetter } from "../../workers/letter.ts";
import { PartitionHost } from "../../workers/partition_host.ts";
import { Persistence } from "../../workers/persistence.ts";

const QUIET = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** A clustered host. */
export class AbroadRig {
  nowMs = 1_000;
  /** Everything the port heard, one line each. */
  readonly heard: string[] = [];
  readonly letters: ClusterLetter[] = [];
  readonly remains: Remains[] = [];
  readonly host: PartitionHost;
  isOut = true;
  #number = 0;

  constructor(kinds: readonly AnyKind[], store?: StateStore) {
    const port: ClusterPort = {
      send: (letter) => {
        this.letters.push(letter);
        this.heard.push(`send ${letter.target}.${decodeLetter(letter.payload, this.host.refs).handler}`);
        return this.isOut ? undefined : "system-stopping";
      },
      abortAsk: (id) => this.heard.push(`abort ${id === this.letters.at(-1)?.ask?.id ? "last" : "another"}`),
      answered: (origin, outcome) => this.heard.push(`answered ${String(origin)} ${this.#shown(outcome)}`),
      refused: (origin, code, fate) => this.heard.push(`refused ${String(origin)} ${code}/${fate}`),
      flushReached: (origin) => this.heard.push(`flushed ${String(origin)}`),
      started: (key, token, error) => this.heard.push(`started ${key} ${token.seq} ${error?.code ?? "ok"}`),
      ended: (remains) => {
        this.remains.push(remains);
        const { key, token, reason, origins, letters } = remains;
        this.heard.push(`ended ${key} ${token.seq} ${reason} [${origins.join(" ")}] ${letters.length} letters`);
      },
    };
    this.host = new PartitionHost({
      system: "rig",
      thread: 0 as ThreadIndex,
      workers: 0,
      partitionCount: 271,
      kinds: new KindTable(kinds),
      askTimeoutMs: 5_000,
      asksMax: 1_000,
      clock: () => instant(this.nowMs),
      wallClock: () => this.nowMs,
      random: seededRandom(1),
      firstInvocation: 1,
      log: QUIET,
      resources: new Map(),
      outbound: undefined,
      persistence: store === undefined
        ? undefined
        : (refs, thread) => new Persistence(store, { generation: 1, configuration: 0 }, refs, thread),
      request: () => {},
      report: () => {},
      wantedEvents: () => 0,
      released: () => {},
      cluster: { port, generation: () => 3 },
    });
  }

  get abroad(): NonNullable<PartitionHost["abroad"]> {
    const { abroad } = this.host;
    if (abroad === undefined) throw new Error("the host is not clustered");
    return abroad;
  }

  grain<P, Init>(kind: Kind<P, Init>, name: string): ActorRef<P> {
    return this.host.refByKey(kind, grainKey(kind.name, name)) as ActorRef<P>;
  }

  actor<P, Init>(kind: Kind<P, Init>, name: string): ActorRef<P> {
    return this.host.refByKey(kind, actorKey(name)) as ActorRef<P>;
  }

  /** The directory says so. */
  begin(kind: AnyKind, key: string, seq: number = 1, init: Uint8Array | undefined = undefined): ActivationToken {
    const token = tokenOf(seq);
    this.abroad.begin({ key: key as ActorKey, kind: kind.name, token, init, isAgain: false });
    return token;
  }

  /** A message comes for an activation; with `isAsk` somebody waits for two seconds. */
  arrive(
    kind: AnyKind,
    key: string,
    seq: number,
    origin: string,
    call: readonly [string, ...unknown[]],
    isAsk: boolean = false,
  ): void {
    const [handler, ...args] = call;
    this.abroad.deliver({
      target: key as ActorKey,
      token: tokenOf(seq),
      actorKind: kind.name,
      number: ++this.#number,
      deadline: isAsk ? instant(this.nowMs + 2_000) : undefined,
      payload: encodeLetter({ handler, sender: undefined, chain: undefined, args, trace: undefined }, this.host.refs),
      origin,
    });
  }

  flush(key: string, seq: number, origin: string): void {
    this.abroad.flush(key as ActorKey, tokenOf(seq), ++this.#number, origin);
  }

  /** Turns and promises until nothing more happens at this instant. */
  async run(): Promise<void> {
    for (let turns = 0; turns < 20; turns++) {
      this.host.enter();
      this.host.fireDue();
      this.host.runCells(1_000);
      this.host.leave();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** Answers the last ask that left. */
  answer(outcome: LetterOutcome): void {
    const id = this.letters.at(-1)?.ask?.id;
    if (id !== undefined) this.abroad.answered(id, outcome);
  }

  #shown(outcome: LetterOutcome): string {
    if (outcome.kind === "failed") return `${outcome.failure.code}/${outcome.failure.fate}`;
    return JSON.stringify(decodeFromBytes(outcome.value, this.host.refs));
  }
}

export function tokenOf(seq: number): ActivationToken {
  return { cfg: epoch(2), seq };
}
