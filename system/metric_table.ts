/**
 * Every metric of a node: its name, what it counts, its unit and its labels. Pure data.
 *
 * One idea: a sample names its metric, and the compiler knows which labels that one has; docs/OPERATIONS.md has the same
 * table for people, and a test compares the two.
 *
 * Invariant: the values of every label come from a list that is bounded: threads, kinds, reasons, and peers by address up
 * to a limit. A node id or an actor's name is no label: each life would add another series for ever.
 *
 * @module
 */

/** One metric. */
export interface MetricSpec {
  /** A counter only grows; what it counts on begins at zero again with the next life of its thread, link or node. */
  readonly type: "gauge" | "counter" | "histogram";
  readonly help: string;
  readonly labels: readonly string[];
  /** Only nodes of a cluster have it: a zero would say something wrong of any other. */
  readonly isClustered?: boolean;
}

/** Every metric by its name: base units, and `_total` for counters. */
export const METRICS = {
  troupe_info: gauge("Which system this is, and on which runtime; always 1", ["system", "runtime"]),
  troupe_live: gauge("Whether /livez says 200", []),
  troupe_ready: gauge("Whether /readyz says 200", []),
  troupe_thread_answered: gauge("Whether the thread answered this scrape in time; if not, it has no samples", [
    "thread",
  ]),
  troupe_workers_lost_total: counter("Workers that died and were replaced", []),
  troupe_actors: gauge("Live actors", ["thread", "kind"]),
  troupe_actors_started_total: counter("Lives of actors begun, restarts included", ["thread"]),
  troupe_actors_stopped_total: counter("Actors that have ended", ["thread"]),
  troupe_messages_total: counter("Messages by the way they took", ["thread", "route"]),
  troupe_tells_refused_total: counter("Tells whose sender was told false", ["thread"]),
  troupe_messages_refused_elsewhere_total: counter("Messages that another thread refused after they arrived", [
    "thread",
  ]),
  troupe_asks_total: counter("Asks made", ["thread"]),
  troupe_asks_waiting: gauge("Replies waited for", ["thread"]),
  troupe_failures_total: counter("Handlers and hooks that failed", ["thread"]),
  troupe_restarts_total: counter("Restarts by supervision", ["thread"]),
  troupe_dead_letters_total: counter("Messages that no handler saw", ["thread", "reason"]),
  troupe_events_unsent_total: counter("Events nobody was told of because a lane was full", ["thread"]),
  troupe_mailbox_messages: gauge("Messages that wait in the mailboxes looked at", ["thread"]),
  troupe_mailbox_messages_max: gauge("Messages in the fullest mailbox looked at", ["thread"]),
  troupe_mailbox_actors_skipped: gauge("Actors whose mailboxes were not looked at, because there are so many", [
    "thread",
  ]),
  troupe_lane_queued_bytes: gauge("Bytes one thread has sent and the other has not read", ["from", "to"]),
  troupe_event_loop_lag_seconds: histogram("How late the event loop of the main thread came to a timer", []),
  troupe_event_loop_lag_last_seconds: gauge("The same, the last time", []),
  troupe_main_heap_used_bytes: gauge("Heap in use on the main thread; each worker has its own", []),
  process_resident_memory_bytes: gauge("Memory of the process, all threads", []),
  process_cpu_seconds_total: counter("Processor time of the process, all threads", []),
  process_start_time_seconds: gauge("When the process began, in seconds since 1970", []),

  troupe_in_cluster: inCluster(gauge("Whether the node has a view", [])),
  troupe_leader: inCluster(gauge("Whether the node leads", [])),
  troupe_view_epoch: inCluster(gauge("Epoch of the view", [])),
  troupe_members: inCluster(gauge("Members of the view", ["status"])),
  troupe_voters: inCluster(gauge("Members of the view that vote", [])),
  troupe_lease_state: inCluster(gauge("1 for the state the lease is in, 0 for the others", ["state"])),
  troupe_lease_remaining_seconds: inCluster(gauge("What is left of the lease", [])),
  troupe_partitions: inCluster(gauge("Partitions this node has to do with", ["role"])),
  troupe_relocated_actors_total: inCluster(
    counter("Names of lost nodes this node has dealt with, by what became of them", ["outcome"]),
  ),
  troupe_cluster_events_total: inCluster(counter("Cluster events, as in system.events()", ["event"])),
  troupe_cluster_inputs_queued: inCluster(gauge("Inputs that wait for the cluster's machine", [])),
  troupe_frames_total: inCluster(counter("Frames from and to other nodes", ["direction"])),
  troupe_frames_malformed_total: inCluster(counter("Frames of peers that do not decode; each ends its link", [])),
  troupe_frames_odd_total: inCluster(counter("Frames of peers that decode and make no sense here", [])),
  troupe_frames_unsent_total: inCluster(counter("Frames that no link took", [])),
  troupe_discovery_failing: inCluster(gauge("Whether discovery last failed", [])),
  troupe_discovered_addresses: inCluster(gauge("Addresses discovery last named", [])),
  troupe_link_up: inCluster(gauge("Whether there is a link", ["peer", "lane"])),
  troupe_link_queued_bytes: inCluster(gauge("Bytes that wait to be sent", ["peer", "lane"])),
  troupe_link_silent_seconds: inCluster(gauge("Since the last sign of the peer", ["peer", "lane"])),
  troupe_link_frames_total: inCluster(counter("Frames the present link has carried", ["peer", "lane", "direction"])),
  troupe_link_bytes_total: inCluster(counter("Bytes of these frames", ["peer", "lane", "direction"])),
  troupe_link_frames_refused_total: inCluster(
    counter("Frames that found the present link's queue full", ["peer", "lane"]),
  ),
  troupe_links_ended_total: inCluster(counter("Links that were lost", ["reason"])),
  troupe_link_frames_lost_total: inCluster(counter("Frames that waited on a link when it was lost", [])),
  troupe_handshakes_refused_total: inCluster(counter("Links that did not begin", ["code"])),
} as const satisfies Readonly<Record<string, MetricSpec>>;

/** The name of a metric. */
export type MetricName = keyof typeof METRICS;

/** The labels of a metric, with a value each. */
export type LabelsOf<Name extends MetricName> = Readonly<Record<typeof METRICS[Name]["labels"][number], string>>;

/** One value. */
export interface Sample {
  readonly name: MetricName;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A value of `name`: the labels must be its own. */
export function sample<Name extends MetricName>(name: Name, labels: LabelsOf<Name>, value: number): Sample {
  return { name, labels, value };
}

function gauge<const Labels extends readonly string[]>(help: string, labels: Labels) {
  return { type: "gauge", help, labels } as const;
}

function counter<const Labels extends readonly string[]>(help: string, labels: Labels) {
  return { type: "counter", help, labels } as const;
}

function histogram<const Labels extends readonly string[]>(help: string, labels: Labels) {
  return { type: "histogram", help, labels } as const;
}

function inCluster<Spec extends MetricSpec>(spec: Spec): Spec & { readonly isClustered: true } {
  return { ...spec, isClustered: true };
}
