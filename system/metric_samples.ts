/**
 * What a node knows of itself and its threads, as samples. Pure.
 *
 * @module
 */
import { DEAD_LETTER_REASONS } from "../core/events.ts";
import type { ThreadIndex } from "../core/ids.ts";
import type { ThreadStats } from "../workers/operations.ts";
import type { Health } from "./health.ts";
import { clusterSamples, type ClusterVitals } from "./metric_cluster.ts";
import { type Sample, sample } from "./metric_table.ts";
import type { ClusterTally } from "./metric_tally.ts";

/** What a thread answered, if it did in time. */
export interface ThreadReport {
  readonly thread: ThreadIndex;
  readonly stats: ThreadStats | undefined;
}

/** What the main thread knows without asking anybody. */
export interface NodeVitals {
  readonly system: string;
  readonly runtime: string;
  readonly health: Health;
  readonly lastLagMs: number;
  readonly workersLost: number;
  readonly process: ProcessVitals;
  readonly cluster: { readonly vitals: ClusterVitals; readonly tally: ClusterTally } | undefined;
}

/** What the process takes. */
export interface ProcessVitals {
  readonly residentBytes: number;
  readonly mainHeapBytes: number;
  readonly cpuSeconds: number;
  readonly startedAtSeconds: number;
}

/** Every sample of a node. */
export function samplesOf(node: NodeVitals, threads: readonly ThreadReport[]): readonly Sample[] {
  const { system, runtime, health, lastLagMs, workersLost, process, cluster } = node;
  return [
    sample("troupe_info", { system, runtime }, 1),
    sample("troupe_live", {}, Number(health.isLive)),
    sample("troupe_ready", {}, Number(health.isReady)),
    sample("troupe_workers_lost_total", {}, workersLost),
    sample("troupe_event_loop_lag_last_seconds", {}, lastLagMs / 1_000),
    sample("troupe_main_heap_used_bytes", {}, process.mainHeapBytes),
    sample("process_resident_memory_bytes", {}, process.residentBytes),
    sample("process_cpu_seconds_total", {}, process.cpuSeconds),
    sample("process_start_time_seconds", {}, process.startedAtSeconds),
    ...threads.flatMap(threadSamples),
    ...(cluster === undefined ? [] : clusterSamples(cluster.vitals, cluster.tally)),
  ];
}

// Each thread is its own series: one that does not answer is missing, and takes nothing away from a sum that only grows.
function threadSamples({ thread: index, stats }: ThreadReport): readonly Sample[] {
  const thread = String(index);
  const answered = sample("troupe_thread_answered", { thread }, Number(stats !== undefined));
  if (stats === undefined) return [answered];
  const { counters, backlog } = stats;
  return [
    answered,
    ...Object.entries(stats.actors).map(([kind, count]) => sample("troupe_actors", { thread, kind }, count)),
    sample("troupe_actors_started_total", { thread }, counters.actorsStarted),
    sample("troupe_actors_stopped_total", { thread }, counters.actorsStopped),
    sample("troupe_messages_total", { thread, route: "local" }, counters.messagesLocal),
    sample("troupe_messages_total", { thread, route: "sent" }, counters.recordsSent),
    sample("troupe_messages_total", { thread, route: "received" }, counters.recordsReceived),
    sample("troupe_tells_refused_total", { thread }, counters.tellsRefused),
    sample("troupe_messages_refused_elsewhere_total", { thread }, counters.refusedElsewhere),
    sample("troupe_asks_total", { thread }, counters.asks),
    sample("troupe_asks_waiting", { thread }, backlog.asks),
    sample("troupe_failures_total", { thread }, counters.failures),
    sample("troupe_restarts_total", { thread }, counters.restarts),
    // Also those that never occurred: the first time would be no increase of a series that was not there.
    ...DEAD_LETTER_REASONS.map((reason) =>
      sample("troupe_dead_letters_total", { thread, reason }, counters.deadLetters[reason] ?? 0)
    ),
    sample("troupe_events_unsent_total", { thread }, counters.eventsUnsent),
    sample("troupe_mailbox_messages", { thread }, backlog.mailboxMessages),
    sample("troupe_mailbox_messages_max", { thread }, backlog.mailboxMessagesMax),
    sample("troupe_mailbox_actors_skipped", { thread }, backlog.actorsSkipped),
    ...Object.entries(backlog.laneBytes).map(([to, bytes]) =>
      sample("troupe_lane_queued_bytes", { from: thread, to }, bytes)
    ),
  ];
}
