/**
 * Health and metrics over a real port: of nodes alone and in a cluster, while they start, work, are stuck and stop.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type IncomingMessage, request } from "node:http";
import { createServer } from "node:net";
import { describe, it } from "node:test";
import { ActorSystem, kind, resource, staticDiscovery, type SystemOptions } from "../../mod.ts";
import { BACKLOG_ACTORS_MAX } from "../../workers/operations.ts";
import { eventually, failureOf, nameOn, settles, threadOf } from "../fixtures/conditions.ts";
import { freshName } from "../fixtures/plan.ts";
import { quietLog } from "../fixtures/quiet_log.ts";
import { Bomb, Counter, Gate, startTheatre, type TheatrePlan } from "../fixtures/theatre.ts";

/** Starts a theatre that listens at a free port. */
function start(workers: number, options: TheatrePlan["options"] = {}): Promise<ActorSystem> {
  return startTheatre({ name: freshName("http"), workers, options: { listen: {}, ...options } });
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

/** One request on a connection of its own. */
function ask(at: string | undefined, path: string, method = "GET", body = ""): Promise<Answer> {
  const [hostname = "", port = ""] = (at ?? "").split(":");
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    const asking = request({ hostname, port: Number(port), path, method, agent: false }, resolve);
    asking.on("error", reject);
    asking.end(body);
  });
  return settles(
    `${method} ${path}`,
    answered.then(async (message) => {
      const chunks = await Array.fromAsync<Uint8Array>(message);
      const { statusCode: status = 0, headers: { "content-type": type = "" } } = message;
      return { status, type, text: chunks.map((chunk) => new TextDecoder().decode(chunk)).join("") };
    }),
  );
}

async function healthOf(at: string | undefined, path: "/livez" | "/readyz"): Promise<[number, string, string[]]> {
  const { status, text } = await ask(at, path);
  const body = JSON.parse(text);
  assert.ok(body.lagMs >= 0);
  return [status, body.status, body.reasons];
}

async function metricsOf(at: string | undefined): Promise<ReadonlyMap<string, number>> {
  const { status, text } = await ask(at, "/metrics");
  assert.equal(status, 200);
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ")))]),
  );
}

/** A port that was free a moment ago. */
function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const bound = server.address();
      server.close(() => resolve(typeof bound === "object" && bound !== null ? bound.port : 0));
    });
  });
}

describe("a node alone", () => {
  for (const workers of [0, 2]) {
    it(`with ${workers} workers says that it lives, that it is ready, and what it has counted`, async () => {
      await using system = await start(workers);
      const { address } = system;
      assert.deepEqual(await healthOf(address, "/livez"), [200, "live", []]);
      assert.deepEqual(await healthOf(address, "/readyz"), [200, "ready", []]);
      const counter = await system.spawn("counter", Counter);
      for (let index = 0; index < 10; index++) counter.tell.add(1);
      assert.equal(await counter.ask.total(), 10);
      const thread = threadOf(system, workers, counter);
      const samples = await eventually("the counter is counted", async () => {
        const found = await metricsOf(address);
        return found.get(`troupe_actors{thread="${thread}",kind="counter"}`) === 1 && found;
      });
      const route = workers === 0 ? 'thread="0",route="local"' : 'thread="0",route="sent"';
      assert.ok((samples.get(`troupe_messages_total{${route}}`) ?? 0) >= 11);
      assert.equal(samples.get('troupe_asks_total{thread="0"}'), 1);
      for (let index = 0; index <= workers; index++) {
        assert.equal(samples.get(`troupe_thread_answered{thread="${index}"}`), 1);
      }
      assert.equal(samples.get('troupe_lane_queued_bytes{from="1",to="2"}'), workers === 0 ? undefined : 0);
      assert.equal(samples.get("troupe_in_cluster"), undefined);
      assert.ok((samples.get("troupe_event_loop_lag_seconds_count") ?? -1) >= 0);
    });
  }

  it("answers HEAD, says 404 to what it does not have, and outlives a body it does not read", async () => {
    await using system = await start(0);
    const { address } = system;
    for (const path of ["/livez", "/readyz", "/metrics"]) {
      const head = await ask(address, path, "HEAD");
      assert.deepEqual([head.status, head.text], [200, ""], path);
    }
    assert.match((await ask(address, "/metrics")).type, /^text\/plain; version=0\.0\.4/);
    for (const path of ["/", "/live", "/metrics/", "/troupe/control"]) {
      assert.equal((await ask(address, path)).status, 404, path);
    }
    // The port may close such a connection instead of reading on.
    await ask(address, "/livez", "POST", "x".repeat(1 << 20)).then(({ status }) => assert.equal(status, 404), () => {});
    assert.equal((await ask(address, "/livez")).status, 200);
  });

  it("with a worker that is stuck lives, and gives the metrics of the others, however many ask", async () => {
    await using system = await start(2);
    const { address } = system;
    const stuck = await system.spawn(nameOn(system, 2, 1, (name) => system.actor(Gate, name), "gate"), Gate);
    stuck.tell.block(4_000);
    const samples = await eventually("the worker does not answer", async () => {
      const [found] = await Promise.all(Array.from({ length: 20 }, () => metricsOf(address)));
      return found?.get('troupe_thread_answered{thread="1"}') === 0 && found;
    });
    assert.equal(samples.get('troupe_thread_answered{thread="2"}'), 1);
    assert.equal(samples.get('troupe_asks_total{thread="1"}'), undefined);
    const beganMs = performance.now();
    assert.deepEqual(await healthOf(address, "/livez"), [200, "live", []]);
    assert.ok(performance.now() - beganMs < 1_000, "no worker was asked");
    await eventually("it answers again", async () => {
      return (await metricsOf(address)).get('troupe_thread_answered{thread="1"}') === 1;
    });
    const { deadLetters } = await system.stats();
    assert.deepEqual(deadLetters, {}, "the late answer was no dead letter");
  });

  it("shows what waits in mailboxes, and looks at a limited number of them", async () => {
    await using system = await start(0, { shutdownTimeoutMs: 500 });
    const gate = await system.spawn("gate", Gate);
    gate.ask.pass().catch(() => {}); // It ends with the system.
    await eventually("the gate holds", () => gate.ask.waiting());
    for (let index = 0; index < 7; index++) gate.tell.note(index);
    const samples = await eventually("seven wait", async () => {
      const found = await metricsOf(system.address);
      return found.get('troupe_mailbox_messages{thread="0"}') === 7 && found;
    });
    assert.equal(samples.get('troupe_mailbox_messages_max{thread="0"}'), 7);
    assert.equal(samples.get('troupe_mailbox_actors_skipped{thread="0"}'), 0);
    await system.spawnMany(Array.from({ length: BACKLOG_ACTORS_MAX + 9 }, (_, index) => `counter-${index}`), Counter);
    await eventually("ten are too many", async () => {
      return (await metricsOf(system.address)).get('troupe_mailbox_actors_skipped{thread="0"}') === 10;
    });
  });

  it("counts the workers it has lost", async () => {
    await using system = await start(1);
    const bomb = await system.spawn("bomb", Bomb);
    bomb.tell.explode("exit");
    await eventually("the worker is replaced and answers", async () => {
      const samples = await metricsOf(system.address);
      return samples.get("troupe_workers_lost_total") === 1 && samples.get('troupe_thread_answered{thread="1"}') === 1;
    });
    assert.deepEqual(await healthOf(system.address, "/readyz"), [200, "ready", []]);
  });

  it("is not ready while it drains, and closes its port when it has stopped", async () => {
    const system = await start(1);
    const { address } = system;
    const gate = await system.spawn("gate", Gate);
    const passing = gate.ask.pass();
    await eventually("the gate holds", () => gate.ask.waiting());
    const stopped = system.stop({ timeoutMs: 2_000 });
    assert.deepEqual(await healthOf(address, "/readyz"), [503, "not-ready", ["the system is draining"]]);
    assert.deepEqual(await healthOf(address, "/livez"), [200, "live", []]);
    await settles("stop", stopped);
    assert.equal(await passing, -1);
    await assert.rejects(ask(address, "/livez"));
  });

  it("has a port of its own beside another system's, and metrics of its own", async () => {
    await using one = await start(0);
    await using two = await start(0);
    await one.spawn("counter", Counter);
    assert.notEqual(one.address, two.address);
    const [first, second] = [await metricsOf(one.address), await metricsOf(two.address)];
    const live = 'troupe_actors{thread="0",kind="counter"}';
    assert.deepEqual([first.get(live), second.get(live)], [1, undefined]);
  });

  it("does not start at a port that is taken, and leaves nothing behind", async () => {
    await using one = await start(0);
    const port = Number(one.address?.split(":")[1]);
    assert.equal((await failureOf(start(0, { listen: { port } }))).code, "start-failed");
    await one.stop();
    await using next = await start(0, { listen: { port } });
    assert.deepEqual(await healthOf(next.address, "/livez"), [200, "live", []]);
  });

  it("that cannot start for another reason gives its port back", async () => {
    const broken = resource<string>("broken").provide(() => {
      throw new RangeError("out of strings");
    });
    const port = await freePort();
    const starting = (resources: SystemOptions["resources"]) =>
      ActorSystem.start({ name: freshName("http"), kinds: [Counter], workers: 0, listen: { port }, resources });
    assert.equal((await failureOf(starting([broken]))).code, "start-failed");
    await using next = await starting([]);
    assert.deepEqual(await healthOf(next.address, "/livez"), [200, "live", []]);
  });

  it("listens for probes at every address without a secret: there are no links to guard", async () => {
    await using system = await start(0, { listen: { host: "0.0.0.0" } });
    assert.deepEqual(await healthOf(system.address, "/readyz"), [200, "ready", []]);
  });

  it("that listens nowhere has no address", async () => {
    await using system = await start(0, { listen: undefined });
    assert.equal(system.address, undefined);
  });
});

describe("a node of a cluster", () => {
  const Plain = kind("plain", { handlers: { ping: (): string => "pong" } });
  const options = (name: string, ports: readonly number[], port: number): SystemOptions => ({
    name,
    kinds: [Plain],
    workers: 0,
    log: quietLog,
    listen: { port },
    cluster: {
      discovery: staticDiscovery({ addresses: ports.map((each) => `127.0.0.1:${each}`) }),
      minimumPeersQuorum: ports.length,
      profile: "fast",
      bootstrapTimeoutMs: 20_000,
    },
  });

  it("is not ready before it is in, and then shows its view, its lease and its links by address", async () => {
    const ports = [await freePort(), await freePort()];
    const [first = "", second = ""] = ports.map((port) => `127.0.0.1:${port}`);
    const name = freshName("http");
    const starting = Promise.all(ports.map((port) => ActorSystem.start(options(name, ports, port))));
    const [status, word, reasons] = await eventually(
      "its port is open",
      () => healthOf(first, "/readyz").catch(() => undefined),
    );
    assert.deepEqual([status, word], [503, "not-ready"]);
    assert.deepEqual(reasons.slice(0, 1), ["the system is starting"]);
    assert.deepEqual(await healthOf(first, "/livez"), [200, "live", []]);
    assert.equal((await metricsOf(first)).get("troupe_in_cluster"), 0);
    const systems = await starting;
    try {
      await eventually("it is ready", async () => (await healthOf(first, "/readyz"))[0] === 200);
      const samples = await eventually("both have links", async () => {
        const found = await metricsOf(first);
        return found.get(`troupe_link_up{peer="${second}",lane="data"}`) === 1 && found;
      });
      assert.equal(samples.get('troupe_members{status="up"}'), 2);
      assert.ok((samples.get("troupe_voters") ?? 0) > 0);
      assert.equal(samples.get('troupe_lease_state{state="held"}'), 1);
      assert.ok((samples.get("troupe_lease_remaining_seconds") ?? 0) > 0);
      assert.ok((samples.get("troupe_view_epoch") ?? 0) > 0);
      const roles = ["owned", "backup"].map((role) => samples.get(`troupe_partitions{role="${role}"}`) ?? 0);
      assert.equal(roles.reduce((sum, count) => sum + count, 0), 271);
      assert.ok((samples.get(`troupe_link_bytes_total{peer="${second}",lane="control",direction="sent"}`) ?? 0) > 0);
      assert.ok((samples.get('troupe_cluster_events_total{event="nodeJoined"}') ?? 0) > 0);
      assert.equal([...samples.keys()].filter((key) => key.includes(String(systems[0]?.node?.id))).length, 0);
    } finally {
      await Promise.all(systems.map((system) => system.stop()));
    }
  });
});
