/**
 * Troupe: an actor runtime for TypeScript on Deno, Bun and Node. Declare kinds of actors, start a system,
 * and talk to actors by typed refs; they run on worker threads, one message at a time, supervised and bounded.
 *
 * @module
 */
export { ActorSystem } from "./system/actor_system.ts";
export type { RouterOptions } from "./system/actor_system.ts";
export type { StopActorOptions } from "./system/system_actors.ts";
export type { SystemState } from "./system/system_life.ts";
export type {
  SingletonArguments,
  SpawnArguments,
  SpawnOnArguments,
  SpawnOnOptions,
  SpawnOptions,
} from "./system/spawn_options.ts";
export type { SystemOptions } from "./system/system_options.ts";
export type { ClusterOptions, ListenOptions } from "./system/cluster_options.ts";
export type { Health } from "./system/health.ts";
export type { SystemStats } from "./system/system_stats.ts";
export { Subscription } from "./system/subscription.ts";
export type { SubscriptionOptions } from "./system/subscription.ts";
export { commandFor, type CommandLine, runtimeName } from "./system/platform.ts";
export type { ThreadBacklog, ThreadStats } from "./workers/operations.ts";
export type { CounterValues } from "./workers/counters.ts";
export { kind } from "./core/kind.ts";
export type {
  AnyKind,
  ArgumentsOf,
  Behavior,
  Handler,
  HandlerEntry,
  Handlers,
  Hooks,
  Kind,
  KindPlacement,
  KindSpec,
  ProtocolOfKind,
  Relocation,
} from "./core/kind.ts";
export type { Context, ContextTimers } from "./core/context.ts";
export { ActorRef } from "./core/ref.ts";
export type { AnyRef, Courier, Facade, Facades, RefPlace, Target, WaitOptions } from "./core/ref.ts";
export type { AnyProtocol, Ask, AskAll, Protocol, ProtocolOf, Tell, TellAll } from "./core/protocol.ts";
export { ActorError, FATE_OF_CODE } from "./core/failure.ts";
export type { ActorErrorOptions, FailureData, FailureDetails, Fate, RuntimeCode } from "./core/failure.ts";
export type {
  ActorPlace,
  ClusterFact,
  DeadLetter,
  DeadLetterReason,
  EventType,
  NodeInfo,
  RelocationReport,
  TroupeEvent,
} from "./core/events.ts";
export type { StartReason, StopReason } from "./core/lifecycle.ts";
export type { Directive, Supervision, SupervisionOptions } from "./core/supervision.ts";
export { resource } from "./core/resource.ts";
export type { ProvidedResource, Resource } from "./core/resource.ts";
export { topic } from "./core/topic.ts";
export type { Topic } from "./core/topic.ts";
export type { RouterStrategy } from "./core/router_pool.ts";
export type { ActorKey, Brand, NodeId, Partition, ThreadIndex } from "./core/ids.ts";
export type { FencingToken, SaveResult, StateStore, StoredState, StoreProvider } from "./core/store.ts";
export type { Log } from "./core/ports.ts";
export { jsonLog, type LogLevel, type LogOptions, textLog } from "./system/json_log.ts";
export { staticDiscovery, type StaticDiscoveryOptions } from "./discovery/static.ts";
export { dnsDiscovery, type DnsDiscoveryOptions } from "./discovery/dns.ts";
export type { Discovery, DiscoveryContext, DiscoveryProvider, Wait } from "./discovery/provider.ts";
export type { Secret, SecurityOptions, TlsOptions } from "./remoting/security.ts";
export { memoryStore, type MemoryStoreOptions } from "./stores/memory.ts";
export { sqliteStore, type SqliteStoreOptions } from "./stores/sqlite.ts";
export type { Synchronous } from "./stores/sqlite_connection.ts";
export type { NumberRange, OptionProblem, OptionsCheck, Presence, TextRule } from "./core/options_check.ts";
export { splitTable, survivors } from "./cluster/split_table.ts";
export type { Cut, SplitMember, SplitRow, SplitVerdict } from "./cluster/split_table.ts";
export type { QuorumRule } from "./cluster/view.ts";
