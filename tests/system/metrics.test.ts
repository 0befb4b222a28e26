/**
 * The metrics of a node: which samples there are, how they are collected, and that they have a limit.
 *
 * @module
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { register } from "prom-client";
import { epoch, type NodeId, type ThreadIndex } from "../../core/ids.ts";
import type { Member, Placed, View } from "../../cluster/view.ts";
import type { Lane, LinkReport } from "../../remoting/links.ts";
import type { ThreadStats } from "../../workers/operations.ts";
import { Counters } from "../../workers/counters.ts";
import { clusterSamples, type ClusterVitals, PEERS_MAX } from "../../system/metric_cluster.ts";
import { LAG_LOOK_MS, LoopLag } from "../../system/metric_lag.ts";
import { type NodeVitals, samplesOf } from "../../system/metric_samples.ts";
import { METRICS, type MetricSpec, type Sample } from "../../system/metric_table.ts";
import { ClusterTally } from "../../system/metric_tally.ts";
import { type MetricsSource, processVitals, SCRAPE_MS, SystemMetrics } from "../../system/metrics.ts";
import { page } from "../docs/markdown.ts";

const SELF = "self" as NodeId;

function memberAt(id: string, address: string): Member {
  const [zone, roles, kinds] = ["", [], []];
  return { id: id as NodeId, address, zone, roles, kinds, joinEpoch: epoch(1), status: "up", capacity: 1 };
}

function placed(group: string, next?: string): Placed {
  const ids = (text: string) => text.split(" ") as NodeId[];
  const transition = next === undefined ? undefined : { cfg: epoch(9), group: ids(next), why: "move" as const };
  return { cfg: epoch(1), group: ids(group), next: transition };
}

function viewOf(members: readonly Member[], partitions: readonly Placed[] = []): View {
  return {
    clusterId: "c",
    epoch: epoch(7),
    draft: "d",
    rule: { kind: "dynamic" },
    members,
    voters: [],
    need: 1,
    leader: SELF,
    leaderTerm: epoch(7),
    partitions,
    removed: [],
  };
}

function linkTo(peer: string, address: string, lane: Lane, bytes: number): LinkReport {
  return {
    peer: peer as NodeId,
    address,
    lane,
    generation: 1,
    dialedBy: "us",
    queuedFrames: 1,
    queuedBytes: bytes,
    refusedFrames: 1,
    creditBytes: undefined,
    unconsumedBytes: 0,
    sentFrames: 2,
    sentBytes: bytes,
    receivedFrames: 3,
    receivedBytes: 2 * bytes,
    silentForMs: bytes,
  };
}

function vitalsOf(change: Partial<ClusterVitals> = {}): ClusterVitals {
  return {
    id: SELF,
    view: undefined,
    lease: "none",
    leaseLeftMs: 0,
    inputCount: 0,
    counts: { framesReceived: 0, framesSent: 0, framesMalformed: 0, framesUnsent: 0, odd: 0 },
    links: [],
    linkCounters: undefined,
    discovered: [],
    discoveryFailure: undefined,
    ...change,
  };
}

function statsOf(thread: number, change: (counters: Counters) => void = () => {}): ThreadStats {
  const counters = new Counters();
  change(counters);
  const backlog = {
    mailboxMessages: 5,
    mailboxMessagesMax: 3,
    actorsSkipped: 0,
    asks: 1,
    laneBytes: { [thread === 0 ? 1 : 0]: 128 },
  };
  return { thread, actors: { account: 2 }, counters: counters.values(), backlog };
}

const NODE: NodeVitals = {
  system: "bank",
  runtime: "deno 2",
  health: { isLive: true, isReady: false, reasons: ["it is in no cluster yet"] },
  lastLagMs: 250,
  workersLost: 1,
  process: { residentBytes: 10, mainHeapBytes: 5, cpuSeconds: 1.5, startedAtSeconds: 100 },
  cluster: undefined,
};

/** `name{label="value"}` → value. Fails when two samples are the same. */
function byText(samples: readonly Sample[]): ReadonlyMap<string, number> {
  const shown = samples.map(({ name, labels, value }) => {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${text}"`);
    return [pairs.length === 0 ? name : `${name}{${pairs.join(",")}}`, value] as const;
  });
  const map = new Map(shown);
  assert.equal(map.size, shown.length, "no sample occurs twice");
  return map;
}

/** The samples of a scrape's text; checks the form of every line on the way. */
function parsed(text: string): ReadonlyMap<string, number> {
  assert.ok(text.endsWith("\n"));
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  const samples = lines.map((line) => {
    const [, name = "", value] = /^([a-z_]+(?:\{(?:[a-z]+="(?:[^"\\]|\\.)*",?)+\})?) (\S+)$/.exec(line) ?? [];
    assert.ok(name !== "" && value !== undefined, line);
    return [name, Number(value)] as const;
  });
  assert.equal(new Map(samples).size, samples.length, "no sample occurs twice");
  return new Map(samples);
}

/** A clock that goes when it is told to. */
class Time {
  nowMs = 0;
  #timers: { readonly atMs: number; readonly run: () => void; isOff: boolean }[] = [];

  readonly clock = () => this.nowMs;

  readonly later = (run: () => void, ms: number) => {
    const timer = { atMs: this.nowMs + ms, run, isOff: false };
    this.#timers.push(timer);
    return () => void (timer.isOff = true);
  };

  get pending(): number {
    return this.#timers.filter(({ isOff }) => !isOff).length;
  }

  /** Lets `ms` pass, with every timer at its time; `stallMs` of them in one piece at the end. */
  pass(ms: number): void {
    this.nowMs += ms;
    const due = this.#timers.filter(({ atMs, isOff }) => !isOff && atMs <= this.nowMs);
    this.#timers = this.#timers.filter((timer) => !due.includes(timer));
    for (const { run } of due) run();
  }
}

/** Threads that answer when the test says so. */
class Threads {
  readonly time = new Time();
  readonly asked: number[] = [];
  readonly answers = new Map<number, (stats: ThreadStats | Error) => void>();
  vitals = NODE;
  isReady = (_thread: ThreadIndex): boolean => true;
  readonly metrics: SystemMetrics;

  constructor(count: number, isClustered = false, change: Partial<MetricsSource> = {}) {
    this.metrics = new SystemMetrics({
      threads: () => Array.from({ length: count }, (_, index) => index as ThreadIndex),
      isReady: (thread) => this.isReady(thread),
      statsOf: (thread) => {
        this.asked.push(thread);
        return new Promise((resolve, reject) => {
          this.answers.set(thread, (stats) => stats instanceof Error ? reject(stats) : resolve(stats));
        });
      },
      vitals: () => this.vitals,
      isClustered,
      ...change,
    }, this.time);
  }

  answer(thread: number, stats: ThreadStats | Error = statsOf(thread)): void {
    this.answers.get(thread)?.(stats);
  }
}

/** Lets everything run that waits for nothing but a promise. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
}

describe("the samples of a node", () => {
  it("are those of each thread, by thread, kind, route and reason", () => {
    const stats = statsOf(1, (counters) => {
      counters.messagesLocal = 4;
      counters.recordsSent = 3;
      counters.recordsReceived = 2;
      counters.deadLetter("mailbox-full", 6);
      counters.restarts = 7;
    });
    const samples = byText(samplesOf(NODE, [{ thread: 1 as ThreadIndex, stats }]));
    const expected: Record<string, number> = {
      'troupe_info{system="bank",runtime="deno 2"}': 1,
      troupe_live: 1,
      troupe_ready: 0,
      troupe_workers_lost_total: 1,
      troupe_event_loop_lag_last_seconds: 0.25,
      'troupe_thread_answered{thread="1"}': 1,
      'troupe_actors{thread="1",kind="account"}': 2,
      'troupe_messages_total{thread="1",route="local"}': 4,
      'troupe_messages_total{thread="1",route="sent"}': 3,
      'troupe_messages_total{thread="1",route="received"}': 2,
      'troupe_dead_letters_total{thread="1",reason="mailbox-full"}': 6,
      'troupe_dead_letters_total{thread="1",reason="node-lost"}': 0,
      'troupe_restarts_total{thread="1"}': 7,
      'troupe_mailbox_messages{thread="1"}': 5,
      'troupe_lane_queued_bytes{from="1",to="0"}': 128,
    };
    for (const [name, value] of Object.entries(expected)) assert.equal(samples.get(name), value, name);
  });

  it("of a thread that did not answer are that it did not, and nothing else", () => {
    const samples = [...byText(samplesOf(NODE, [{ thread: 2 as ThreadIndex, stats: undefined }])).keys()];
    assert.deepEqual(samples.filter((name) => name.includes('="2"')), ['troupe_thread_answered{thread="2"}']);
  });

  it("name only metrics of the table, each with exactly its labels", () => {
    const tally = new ClusterTally();
    tally.fact({ type: "leaseFrozen" });
    const view = viewOf([memberAt("self", "a:1"), memberAt("b", "b:1")], [placed("self b")]);
    const linkCounters = {
      refused: { "cluster-differs": 1 },
      ended: { network: 1 },
      lostFrames: 0,
      refusedFrames: 0,
      unlinkedFrames: 0,
      lostGreetings: 0,
    };
    const vitals = vitalsOf({ view, linkCounters, links: [linkTo("b", "b:1", "data", 5)] });
    const letters = statsOf(0, (counters) => counters.deadLetter("reply-late"));
    const samples = samplesOf({ ...NODE, cluster: { vitals, tally } }, [{ thread: 0 as ThreadIndex, stats: letters }]);
    for (const { name, labels } of samples) {
      const spec: MetricSpec = METRICS[name];
      assert.deepEqual(Object.keys(labels).sort(), [...spec.labels].sort(), name);
    }
    const shown = new Set<string>(samples.map(({ name }) => name));
    shown.add("troupe_event_loop_lag_seconds"); // The histogram is no sample: it keeps what it observed.
    assert.deepEqual([...shown].sort(), Object.keys(METRICS).sort());
  });
});

describe("the samples of a cluster", () => {
  const of = (vitals: Partial<ClusterVitals>, tally = new ClusterTally()) =>
    byText(clusterSamples(vitalsOf(vitals), tally));

  it("count the partitions this node owns, backs up, and sees moving", () => {
    const partitions = [
      placed("self b c"),
      placed("b self c"),
      placed("b c d"),
      placed("self b", "b self"),
      placed("b c", "self b"),
      placed("b c", "c d"),
    ];
    const samples = of({ view: viewOf([memberAt("self", "a:1")], partitions), lease: "held", leaseLeftMs: 4_500 });
    assert.deepEqual(["owned", "backup", "moving"].map((role) => samples.get(`troupe_partitions{role="${role}"}`)), [
      2,
      1,
      2,
    ]);
    assert.equal(samples.get("troupe_view_epoch"), 7);
    assert.equal(samples.get("troupe_lease_remaining_seconds"), 4.5);
    assert.equal(samples.get("troupe_leader"), 1);
  });

  it("say exactly one state of the lease, and nobody leads without one", () => {
    for (const lease of ["none", "held", "soft", "frozen", "fenced"] as const) {
      const samples = of({ lease, view: viewOf([memberAt("self", "a:1")]) });
      const states = [...samples].filter(([name, value]) => name.startsWith("troupe_lease_state") && value === 1);
      assert.deepEqual(states, [[`troupe_lease_state{state="${lease}"}`, 1]]);
      assert.equal(samples.get("troupe_leader"), 0);
    }
  });

  it("name a member that has no link, and one peer by its address over all its lives", () => {
    const view = viewOf([memberAt("self", "a:1"), memberAt("b", "b:1"), memberAt("c", "c:1")]);
    const links = [linkTo("b", "b:1", "data", 10), linkTo("b-before", "b:1", "data", 7)];
    const samples = of({ view, links });
    const shown = (name: string) => samples.get(name);
    assert.equal(shown('troupe_link_up{peer="b:1",lane="data"}'), 2);
    assert.equal(shown('troupe_link_up{peer="b:1",lane="control"}'), 0);
    assert.equal(shown('troupe_link_up{peer="c:1",lane="data"}'), 0);
    assert.equal(shown('troupe_link_bytes_total{peer="b:1",lane="data",direction="sent"}'), 17);
    assert.equal(shown('troupe_link_silent_seconds{peer="b:1",lane="data"}'), 0.01);
    assert.equal(shown('troupe_link_up{peer="a:1",lane="data"}'), undefined);
  });

  it(`have at most ${PEERS_MAX} peers of their own; the rest is one`, () => {
    const links = Array.from({ length: 10 * PEERS_MAX }, (_, index) => linkTo(`n${index}`, `h${index}:1`, "data", 1));
    const samples = of({ links });
    const peers = new Set([...samples.keys()].flatMap((name) => /peer="([^"]+)"/.exec(name)?.[1] ?? []));
    assert.equal(peers.size, PEERS_MAX + 1);
    const sent = [...samples].filter(([name]) => name.startsWith("troupe_link_bytes_total") && name.includes('"sent"'));
    assert.equal(sent.reduce((sum, [, value]) => sum + value, 0), links.length);
    assert.deepEqual([...of({ links: links.toReversed() }).keys()].sort(), [...samples.keys()].sort());
  });

  it("begin at zero, so that the first time is an increase", () => {
    const linkCounters = {
      refused: { "cluster-differs": 2 },
      ended: {},
      lostFrames: 0,
      refusedFrames: 0,
      unlinkedFrames: 0,
      lostGreetings: 0,
    };
    const samples = of({ linkCounters });
    assert.equal(samples.get('troupe_cluster_events_total{event="partitionDataLoss"}'), 0);
    assert.equal(samples.get('troupe_handshakes_refused_total{code="secret-differs"}'), 0);
    assert.equal(samples.get('troupe_handshakes_refused_total{code="cluster-differs"}'), 2);
    assert.equal(samples.get('troupe_links_ended_total{reason="network"}'), 0);
  });

  it("add up what became of the names of lost nodes, once for each report that is done", () => {
    const tally = new ClusterTally();
    const report = { held: 10, relocated: 4, released: 3, excluded: 2, failed: 1 };
    tally.fact({ type: "relocationProgress", node: SELF, report });
    tally.fact({ type: "relocationDone", node: SELF, report });
    tally.fact({ type: "relocationDone", node: SELF, report });
    for (const kind of ["send", "frame", "send", "tick"]) tally.input(kind);
    const samples = of({}, tally);
    const shown = ["relocated", "released", "excluded", "failed"].map((outcome) =>
      samples.get(`troupe_relocated_actors_total{outcome="${outcome}"}`)
    );
    assert.deepEqual(shown, [8, 6, 4, 2]);
    assert.equal(samples.get('troupe_cluster_events_total{event="relocationDone"}'), 2);
    assert.equal(samples.get('troupe_messages_total{thread="0",route="nodes"}'), 2);
  });
});

describe("a scrape", () => {
  it("has the text of every sample, in the form of Prometheus", async () => {
    const threads = new Threads(2);
    threads.vitals = { ...NODE, system: 'a"b\\c\nd' };
    const scraping = threads.metrics.scrape();
    for (const thread of [0, 1]) threads.answer(thread);
    const { text, contentType } = await scraping;
    assert.match(contentType, /^text\/plain; version=0\.0\.4/);
    const samples = parsed(text);
    assert.equal(samples.get('troupe_actors{thread="1",kind="account"}'), 2);
    assert.equal(samples.get('troupe_info{system="a\\"b\\\\c\\nd",runtime="deno 2"}'), 1);
    for (const [name, spec] of Object.entries<MetricSpec>(METRICS)) {
      assert.equal(text.includes(`# TYPE ${name} ${spec.type}\n`), spec.isClustered !== true, name);
    }
    assert.equal(threads.time.pending, 0, "its limit is taken back");
  });

  it("goes at its limit without the threads that have not answered, and says which", async () => {
    const threads = new Threads(3);
    const scraping = threads.metrics.scrape();
    threads.answer(0);
    threads.answer(2, new Error("died"));
    await settled();
    threads.time.pass(SCRAPE_MS);
    const samples = parsed((await scraping).text);
    const answered = [0, 1, 2].map((thread) => samples.get(`troupe_thread_answered{thread="${thread}"}`));
    assert.deepEqual(answered, [1, 0, 0]);
    assert.equal(samples.get('troupe_actors{thread="1",kind="account"}'), undefined);
  });

  it("asks no thread that still owes an answer, and takes the answer when it comes", async () => {
    const threads = new Threads(2);
    for (let round = 0; round < 3; round++) {
      const scraping = threads.metrics.scrape();
      threads.answer(0);
      await settled();
      threads.time.pass(SCRAPE_MS);
      await scraping;
      threads.time.pass(60_000);
    }
    assert.deepEqual(threads.asked.filter((thread) => thread === 1), [1]);
    const scraping = threads.metrics.scrape();
    threads.answer(0);
    threads.answer(1);
    assert.equal(parsed((await scraping).text).get('troupe_thread_answered{thread="1"}'), 1);
  });

  it("asks no thread that does not run", async () => {
    const threads = new Threads(2);
    threads.isReady = (thread) => thread === 0;
    const scraping = threads.metrics.scrape();
    threads.answer(0);
    assert.equal(parsed((await scraping).text).get('troupe_thread_answered{thread="1"}'), 0);
    assert.deepEqual(threads.asked, [0]);
  });

  it("is shared by all that come while it is under way, and for a while after as long as it took", async () => {
    const threads = new Threads(1);
    const scrapes = Array.from({ length: 100 }, () => threads.metrics.scrape());
    threads.time.pass(10);
    threads.answer(0);
    const looks = new Set(await Promise.all(scrapes));
    assert.deepEqual([looks.size, threads.asked.length], [1, 1]);
    threads.time.pass(89);
    await threads.metrics.scrape();
    assert.equal(threads.asked.length, 1);
    threads.time.pass(1);
    threads.metrics.scrape();
    assert.equal(threads.asked.length, 2);
  });

  it("shows counters as they are, not added to the last scrape, and drops what is gone", async () => {
    const threads = new Threads(1);
    const scrapeOf = async (stats: ThreadStats) => {
      const scraping = threads.metrics.scrape();
      threads.answer(0, stats);
      return parsed((await scraping).text);
    };
    const asks = (count: number) => statsOf(0, (counters) => counters.asks = count);
    assert.equal((await scrapeOf(asks(5))).get('troupe_asks_total{thread="0"}'), 5);
    const second = await scrapeOf({ ...asks(8), actors: {} });
    assert.equal(second.get('troupe_asks_total{thread="0"}'), 8);
    assert.equal(second.get('troupe_actors{thread="0",kind="account"}'), undefined);
    assert.equal((await scrapeOf(asks(1))).get('troupe_asks_total{thread="0"}'), 1, "a worker that was replaced");
  });

  it("survives an odd number, and a thread that cannot even be asked", async () => {
    const threads = new Threads(1, false, {
      statsOf: () => {
        throw new Error("no lane");
      },
    });
    threads.vitals = {
      ...NODE,
      lastLagMs: NaN,
      workersLost: -1,
      process: { ...NODE.process, residentBytes: Infinity },
    };
    for (let round = 0; round < 2; round++) {
      const samples = parsed((await threads.metrics.scrape()).text);
      assert.equal(samples.get('troupe_thread_answered{thread="0"}'), 0);
      assert.equal(samples.get("process_cpu_seconds_total"), 1.5);
    }
  });

  it("that fails fails for those who share it, and not for the next", async () => {
    let isBroken = true;
    const threads = new Threads(0, false, {
      vitals: () => {
        if (isBroken) throw new RangeError("broken");
        return NODE;
      },
    });
    const [one, two] = await Promise.allSettled([threads.metrics.scrape(), threads.metrics.scrape()]);
    assert.deepEqual([one.status, two.status], ["rejected", "rejected"]);
    isBroken = false;
    assert.equal(parsed((await threads.metrics.scrape()).text).get("troupe_live"), 1);
  });

  it("is of its own system: two share nothing, and the library's own registry stays empty", async () => {
    const [one, two] = [new Threads(0), new Threads(0, true)];
    one.metrics.observeLag(30);
    const [first, second] = [await one.metrics.scrape(), await two.metrics.scrape()].map(({ text }) => parsed(text));
    assert.equal(first?.get("troupe_event_loop_lag_seconds_count"), 1);
    assert.equal(first?.get('troupe_event_loop_lag_seconds_bucket{le="0.025"}'), 0);
    assert.equal(first?.get('troupe_event_loop_lag_seconds_bucket{le="0.05"}'), 1);
    assert.equal(second?.get("troupe_event_loop_lag_seconds_count"), 0);
    assert.equal(register.getMetricsAsArray().length, 0);
  });
});

describe("LoopLag", () => {
  it("observes how late it comes, and remembers a stall for a while", () => {
    const time = new Time();
    const seen: number[] = [];
    const lag = new LoopLag({ clock: time.clock, later: time.later, observe: (lateMs) => seen.push(lateMs) });
    time.pass(LAG_LOOK_MS);
    time.pass(LAG_LOOK_MS + 900);
    time.pass(LAG_LOOK_MS);
    assert.deepEqual(seen, [0, 900, 0]);
    assert.equal(lag.lastMs, 0);
    assert.ok(lag.lagMs > 700 && lag.lagMs < 900, `${lag.lagMs}`);
    for (let look = 0; look < 100; look++) time.pass(LAG_LOOK_MS);
    assert.ok(lag.lagMs < 1, `${lag.lagMs}`);
  });

  it("says so while it is late, and nothing after its end", () => {
    const time = new Time();
    const lag = new LoopLag({ clock: time.clock, later: time.later, observe: () => {} });
    time.nowMs += LAG_LOOK_MS + 6_000;
    assert.equal(lag.lagMs, 6_000);
    lag.end();
    lag.end();
    assert.equal(time.pending, 0);
    assert.equal(lag.lagMs, 0);
  });
});

describe("processVitals()", () => {
  it("are numbers that can be", () => {
    const { residentBytes, mainHeapBytes, cpuSeconds, startedAtSeconds } = processVitals();
    assert.ok(residentBytes > 1 << 20 && mainHeapBytes > 1 << 10 && cpuSeconds > 0);
    assert.ok(Math.abs(Date.now() / 1_000 - startedAtSeconds) < 86_400);
    assert.equal(processVitals().startedAtSeconds, startedAtSeconds);
  });
});

describe("docs/OPERATIONS.md", () => {
  it("has the metrics of the table, each with its type and labels, in the same order", () => {
    const rows = page("docs/OPERATIONS.md").text.matchAll(/^\| `([a-z_]+)` +\| (\w+) +\| ([^|]*?) *\|/gm);
    const shown = Array.from(rows, ([, name, type, labels = ""]) => {
      return [name, type, Array.from(labels.matchAll(/`(\w+)`/g), ([, label]) => label)];
    });
    const expected = Object.entries<MetricSpec>(METRICS).map(([name, { type, labels }]) => [name, type, [...labels]]);
    assert.deepEqual(shown, expected);
  });
});
