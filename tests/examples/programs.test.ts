/**
 * The examples as their users run them: programs in processes of their own, on the runtime that runs this test.
 *
 * @module
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { type Ended, freeRow, portsIn, Program, untilClosed } from "./program.ts";

const LIMIT = { timeout: 120_000 };
const OK = /^verdict: ok, money conserved, [\d,]+ transfers, 1 node killed, 200 accounts hold /;
const IS_DENO = process.versions.deno !== undefined;
/** Cents that every run of the demo deposits before anything else. */
const OPENINGS = 200 * 100_000;
/** Quick in every way: enough requests to kill a node under, and leases of two seconds. */
const SHORT = ["--requests", "1000", "--profile", "fast"];

describe("examples/hello.ts", () => {
  it("prints what its actor counted", LIMIT, async () => {
    const { code, lines } = await Program.run("examples/hello.ts", []);
    assert.deepEqual([code, lines], [0, ["troupe://hello/counter:visits counted 5"]]);
  });
});

describe("the demo", () => {
  const folder = mkdtempSync(join(tmpdir(), "troupe-demo-test-"));
  const kept = ["--db", join(folder, "kept.db")];
  let leaking: Promise<Ended> | undefined;

  // Beside the first test: both wait for leases most of the time.
  before(() => {
    leaking = Program.run("tests/examples/leaking_demo.ts", ["--requests", "1000"]);
    leaking.catch(() => {}); // Its own test says so.
  });
  after(() => rmSync(folder, { recursive: true }));

  it("loses a node and a worker under load, and no money, and leaves no process behind", LIMIT, async () => {
    const ended = await Program.run("examples/demo.ts", ["--quick", "--kill-worker", ...kept]);
    assertConserved(ended);
    const { lines } = ended;
    assert.match(rowOf(lines, "noticed by"), /^node \d after [\d.]+ s, node \d after [\d.]+ s$/);
    assert.match(rowOf(lines, "served again"), /^accounts of node \d: [1-9]\d*, p50 .* p99 .* max [\d.]+ s$/);
    assert.match(rowOf(lines, "came back"), /^at the same ports/);
    assert.match(rowOf(lines, "worker killed"), /replaced/);
    const clockBefore = /^(node \d), tick \d+, token \S+$/.exec(rowOf(lines, "clock before"));
    const clockAfter = /^(node \d), tick \d+, token \S+, seen after/.exec(rowOf(lines, "clock after"));
    assert.ok(clockBefore !== null && clockAfter !== null && clockBefore[1] !== clockAfter[1], lines.join("\n"));
    assert.deepEqual(readdirSync(folder).filter((name) => !name.startsWith("kept.db")), []);
    await untilClosed(portsIn(lines[0] ?? ""));
  });

  it("goes on with kept books on two runtimes at once", { ...LIMIT, skip: !IS_DENO && "Deno starts it" }, async () => {
    const ended = await Program.run("examples/demo.ts", [...SHORT, ...kept, "--runtimes", "deno,deno,bun"]);
    assertConserved(ended);
    assert.match(rowOf(ended.lines, "node 1"), /^deno /);
    assert.match(rowOf(ended.lines, "node 3"), /^bun /);
    assert.ok(centsPutIn(ended.lines) > 2 * OPENINGS, ended.lines.join("\n"));
  });

  it("goes on with them as one executable, alone in empty folders", {
    ...LIMIT,
    skip: IS_DENO && "Bun builds it",
  }, async () => {
    const ended = await Program.run("examples/demo_binary.ts", [...SHORT, ...kept]);
    assertConserved(ended);
    assert.ok(centsPutIn(ended.lines) > 2 * OPENINGS, ended.lines.join("\n"));
  });

  it("says that a bank has failed which loses a cent now and then", LIMIT, async () => {
    assert.ok(leaking !== undefined);
    const { code, lines } = await leaking;
    assert.match(lines.at(-1) ?? "", /^verdict: FAILED, through node 1: [\d.,]+ lost$/, lines.join("\n"));
    assert.equal(code, 1);
  });

  it("that is stopped in the middle stops its nodes and says so", LIMIT, async () => {
    await using demo = new Program("examples/demo.ts", SHORT);
    const ports = portsIn(await demo.line(/^three nodes begin/));
    await demo.line(/^three nodes serve/);
    demo.signal("SIGTERM");
    const { code, lines } = await demo.ended();
    assert.deepEqual([code, lines.at(-1)], [1, "verdict: FAILED, interrupted"]);
    await untilClosed(ports);
  });

  it("says what is wrong with its options", LIMIT, async () => {
    assert.equal((await Program.run("examples/demo.ts", ["--requests", "many"])).code, 2);
  });

  it("ends with a verdict when the bank cannot start", LIMIT, async () => {
    const { code, lines } = await Program.run("examples/demo.ts", ["--db", "/no/such/folder/bank.db"]);
    assert.equal(code, 1);
    assert.match(lines.at(-1) ?? "", /^verdict: FAILED, .*\/no\/such\/folder/, lines.join("\n"));
  });
});

describe("examples/cluster.ts", () => {
  it("serves at every node, says how it is, and stops in good order", LIMIT, async () => {
    await using cluster = new Program("examples/cluster.ts", ["--profile", "fast"]);
    await cluster.line(/^Ctrl-C/);
    const nodes = cluster.lines.filter((line) => line.includes("customers at")).map(portsIn);
    assert.equal(nodes.length, 3, cluster.lines.join("\n"));
    for (const [index, [httpPort, clusterPort]] of nodes.entries()) {
      const body = JSON.stringify({ id: `d${index}`, amount: 100 });
      const url = `http://127.0.0.1:${httpPort}/accounts/alice/deposits`;
      const headers = { "Content-Type": "application/json" };
      assert.equal((await fetch(url, { method: "POST", headers, body })).status, 200);
      for (const page of ["livez", "readyz", "metrics"]) {
        assert.equal((await fetch(`http://127.0.0.1:${clusterPort}/${page}`)).status, 200, page);
      }
    }
    const balances = await Promise.all(nodes.map(async ([httpPort]) => {
      return (await (await fetch(`http://127.0.0.1:${httpPort}/accounts/alice`)).json()).balance;
    }));
    assert.deepEqual(balances, [300, 300, 300]);
    cluster.signal("SIGINT");
    const { code, lines } = await cluster.ended();
    assert.deepEqual([code, lines.at(-1)], [0, "all have stopped in good order"]);
    await untilClosed(nodes.flat());
  });

  it("takes its nodes along when it is killed", LIMIT, async () => {
    const folder = mkdtempSync(join(tmpdir(), "troupe-cluster-test-"));
    try {
      await using cluster = new Program("examples/cluster.ts", ["--profile", "fast", "--db", join(folder, "bank.db")]);
      await cluster.line(/^Ctrl-C/);
      const ports = portsIn(cluster.lines.join(" "));
      cluster.signal("SIGKILL");
      await untilClosed(ports);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("the small examples", () => {
  const programs = new Map<string, Promise<Ended>>();

  // All at once: what they wait for is leases, not processors.
  before(async () => {
    const names = ["singleton", "roles_and_placement", "cluster_events", "nats_cluster"];
    const first = await freeRow(3 * names.length);
    for (const [index, name] of names.entries()) {
      const run = Program.run(`examples/${name}.ts`, [`${first + 3 * index}`]);
      run.catch(() => {}); // Its own test says so.
      programs.set(name, run);
    }
  });

  it("singleton.ts goes on elsewhere with what it has stored", LIMIT, async () => {
    const { code, lines } = await ended("singleton");
    assert.deepEqual([code, ...lines], [
      0,
      "one actor for three nodes: true",
      ...["number 1", "number 2", "number 3"],
      "its node has left",
      "it runs on another node: true",
      "number 4",
    ]);
  });

  it("roles_and_placement.ts begins actors where they were meant to be", LIMIT, async () => {
    const { code, lines } = await ended("roles_and_placement");
    assert.deepEqual([code, ...lines], [
      0,
      "pictures: 8 on the two nodes with gpu, 0 on the other",
      "spawn: on web",
      "spawnOn a role: on gpu and large, says hello ann",
      "spawnOn a function: on gpu, says hello bob",
      "error: name-taken",
      "error: no-eligible-node",
    ]);
  });

  it("cluster_events.ts sees who comes and goes", LIMIT, async () => {
    const { code, lines } = await ended("cluster_events");
    assert.equal(code, 0, lines.join("\n"));
    const about = lines.filter((line) => /gamma/.test(line) && line.startsWith("alpha sees"));
    assert.deepEqual(about.map((line) => line.slice("alpha sees ".length)), [
      "nodeJoined: gamma",
      "nodeLeaving: gamma",
      "nodeLeft: gamma, left",
    ]);
    assert.ok(lines.includes("they agree on a leader: true") && lines.includes("alpha is ready: true"));
  });

  it("nats_cluster.ts finds nodes through NATS, or says what is missing", LIMIT, async () => {
    const { code, lines } = await ended("nats_cluster");
    const found = ["nodes that found each other: 2", "the other node says: hello from over there"];
    const missing = ["there is no nats-server on the PATH, and this example needs one"];
    const isThere = spawnSync("nats-server", ["--version"]).error === undefined;
    assert.deepEqual([code, ...lines], [0, ...isThere ? found : missing]);
  });

  function ended(name: string): Promise<Ended> {
    return programs.get(name) ?? Promise.reject(new Error(`${name} was not started`));
  }
});

function assertConserved({ code, lines }: Ended): void {
  assert.match(lines.at(-1) ?? "", OK, lines.join("\n"));
  assert.equal(code, 0);
}

function centsPutIn(lines: readonly string[]): number {
  return Number(rowOf(lines, "put in").replace(/\D/g, ""));
}

/** What stands in the table of the demo behind `name`. */
function rowOf(lines: readonly string[], name: string): string {
  return lines.find((line) => line.startsWith(`  ${name} `))?.slice(name.length + 2).trim() ?? "";
}
