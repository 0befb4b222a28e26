/**
 * The actors of a system in a cluster: a name belongs to whichever node the registry says, and the member is asked. On the
 * main thread.
 *
 * @module
 */
import { ActorError } from "../core/failure.ts";
import type { ActorKey, NodeId } from "../core/ids.ts";
import type { AnyKind } from "../core/kind.ts";
import { STOP_TIMEOUT_MS_DEFAULT } from "../core/limits.ts";
import type { RefPlace, WaitOptions } from "../core/ref.ts";
import { type ListedActor, paged } from "./actor_pages.ts";
import type { ClusterMember } from "./cluster_member.ts";
import type { NodeThreads } from "./node_threads.ts";
import type { PeerTalk } from "./peer_talk.ts";
import { placedSpawn, placementOf, type SpawnOnOptions, type SpawnOptions } from "./spawn_options.ts";
import type { StopActorOptions, SystemActors } from "./system_actors.ts";

/** What {@link ClusteredActors} is given. */
export interface ClusteredActorsOptions {
  readonly member: ClusterMember;
  readonly talk: PeerTalk;
  readonly threads: NodeThreads;
  /** Milliseconds to wait where nobody said how long. */
  readonly askTimeoutMs: number;
}

/** A look-up changes nothing: whoever gives up waiting for one has lost nothing but the answer. */
async function untilAborted<T>(answer: Promise<T>, signal: AbortSignal | undefined, what: string): Promise<T> {
  if (signal === undefined) return await answer;
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () =>
    reject(
      new ActorError("ask-aborted", `Cannot ${what}: its caller gave up`, {
        fate: "not-delivered",
        cause: signal.reason,
      }),
    );
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([answer, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** See the module. */
export class ClusteredActors implements SystemActors {
  readonly #options: ClusteredActorsOptions;

  constructor(options: ClusteredActorsOptions) {
    this.#options = options;
  }

  async spawn(
    keys: readonly ActorKey[],
    kind: AnyKind,
    { init, timeoutMs }: Partial<SpawnOptions<unknown>>,
  ): Promise<readonly RefPlace[]> {
    const { member, threads } = this.#options;
    const results = await Promise.allSettled(keys.map((key) => {
      const spawn = placedSpawn(key, kind, init, timeoutMs, { kind: "local" }, "", "");
      return member.spawn(spawn, threads.main.host.refs);
    }));
    return results.map((result) => {
      if (result.status === "rejected") throw result.reason;
      return result.value;
    });
  }

  async spawnOn(key: ActorKey, kind: AnyKind, options: Partial<SpawnOnOptions<unknown>>): Promise<RefPlace> {
    const { member, threads } = this.#options;
    const { init, timeoutMs, role = "", placement = "round-robin", idempotencyKey = "" } = options;
    const spawn = placedSpawn(key, kind, init, timeoutMs, placementOf(placement), role, idempotencyKey);
    return await member.spawn(spawn, threads.main.host.refs);
  }

  async singleton(
    key: ActorKey,
    kind: AnyKind,
    { init, timeoutMs, role = "" }: Pick<Partial<SpawnOnOptions<unknown>>, "init" | "timeoutMs" | "role">,
  ): Promise<RefPlace> {
    const { member, threads } = this.#options;
    const spawn = placedSpawn(key, kind, init, timeoutMs, { kind: "local" }, role, "");
    return await member.singleton(spawn, threads.main.host.refs);
  }

  async find(
    key: ActorKey,
    wait: WaitOptions | undefined,
  ): Promise<{ readonly kind: string; readonly place: RefPlace } | undefined> {
    const { member, askTimeoutMs } = this.#options;
    return await untilAborted(member.locate(key, wait?.timeoutMs ?? askTimeoutMs), wait?.signal, `look up ${key}`);
  }

  async stop(key: ActorKey, { drain = false, timeoutMs }: StopActorOptions): Promise<boolean> {
    if (drain) throw new ActorError("not-supported", `Cannot drain ${key}: actors of a cluster are stopped at once`);
    return await this.#options.member.stop(key, timeoutMs ?? STOP_TIMEOUT_MS_DEFAULT);
  }

  /** Node by node, this one first. */
  async *list(only: NodeId | undefined): AsyncGenerator<ListedActor & { readonly place: RefPlace }> {
    const { member } = this.#options;
    const self = member.driver.id;
    for (const node of [self, ...member.members.map(({ id }) => id).filter((id) => id !== self)]) {
      if (only !== undefined && only !== node) continue;
      for await (const { kind, key } of this.#listOf(node)) {
        yield { kind, key, place: { node, isLocal: node === member.driver.id } };
      }
    }
  }

  #listOf(node: NodeId): AsyncGenerator<ListedActor> {
    const { member, talk, threads, askTimeoutMs } = this.#options;
    if (node === member.driver.id) return threads.list();
    return paged((after, count) => talk.listOf(node, after, count, askTimeoutMs));
  }
}
