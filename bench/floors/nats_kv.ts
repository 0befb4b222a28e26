/**
 * The floor of the registry: keys created in a bucket of NATS, three servers with three copies in memory. A key, unlike a
 * name, has no actor and no node that holds it. The servers are started for this and end with this process.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { connect, headers, type NatsConnection } from "@nats-io/transport-node";
import { freePorts } from "../../examples/demo/ports.ts";
import { type Contests, type Outcome, secondsNow, type Task } from "../contestant.ts";

const SERVERS = 3;
const BUCKET = "bench";
/** Requests under way, as many as the three nodes of S12 have. */
const AT_ONCE = 900;
const READY_MS = 20_000;
const REQUEST = { timeout: 10_000 };

// Ends its server, and what that stored, when this process is gone: its standard input ends then.
const KEEPER =
  `nats-server -c "$0/server.conf" >"$0/server.log" 2>&1 & server=$!; cat >/dev/null; kill $server; rm -rf "$0"`;

/** Keys taken, and looked up. */
export const natsKv: Contests = { "S12.names": createKeys };

let opened: Promise<readonly NatsConnection[]> | undefined;
let calls = 0;

async function createKeys(task: Task): Promise<Outcome> {
  const connections = await (opened ??= open());
  const prefix = `name-${++calls}`;
  const isNew = headers();
  isNew.set("Nats-Expected-Last-Subject-Sequence", "0");
  const created = await eachKey(task, async (index) => {
    const reply = await at(connections, index).request(subjectOf(prefix, index), "holder", {
      ...REQUEST,
      headers: isNew,
    });
    return reply.json<{ readonly seq?: number }>().seq !== undefined;
  });
  const found = await eachKey({ ...task, countMax: Number.MAX_SAFE_INTEGER }, async (index) => {
    const subject = `$JS.API.DIRECT.GET.KV_${BUCKET}.${subjectOf(prefix, index % created.sent)}`;
    const reply = await at(connections, index).request(subject, "", REQUEST);
    return reply.string() === "holder";
  });
  return { ...created, extra: { lookUpsPerSecond: found.delivered / found.seconds } };
}

async function eachKey(task: Task, run: (index: number) => Promise<boolean>): Promise<Outcome> {
  const startedAt = secondsNow();
  let sent = 0;
  let delivered = 0;
  async function go(): Promise<void> {
    while (sent < task.countMax && secondsNow() - startedAt < task.seconds) if (await run(sent++)) delivered++;
  }
  await Promise.all(Array.from({ length: AT_ONCE }, go));
  return { sent, delivered, seconds: secondsNow() - startedAt };
}

function subjectOf(prefix: string, index: number): string {
  return `$KV.${BUCKET}.${prefix}-${index}`;
}

function at(connections: readonly NatsConnection[], index: number): NatsConnection {
  const connection = connections[index % connections.length];
  if (connection === undefined) throw new Error("Cannot measure: there is no connection");
  return connection;
}

/** A connection to each server, and the bucket. */
async function open(): Promise<readonly NatsConnection[]> {
  const ports = await freePorts(2 * SERVERS);
  const routes = ports.slice(SERVERS);
  routes.forEach((route, index) => startServer(index, ports[index] ?? 0, route, routes));
  const endsAt = secondsNow() + READY_MS / 1_000;
  for (;;) {
    try {
      const connections = await Promise.all(
        ports.slice(0, SERVERS).map((port) => connect({ servers: `127.0.0.1:${port}`, timeout: 2_000 })),
      );
      await createBucket(at(connections, 0));
      return connections;
    } catch (error) {
      if (secondsNow() > endsAt) throw error;
      await delay(200);
    }
  }
}

/** Fails until the servers have found each other and chosen a leader. */
async function createBucket(connection: NatsConnection): Promise<void> {
  const bucket = {
    name: `KV_${BUCKET}`,
    subjects: [`$KV.${BUCKET}.>`],
    num_replicas: SERVERS,
    storage: "memory",
    max_msgs_per_subject: 1,
    discard: "new",
    allow_rollup_hdrs: true,
    deny_delete: true,
    allow_direct: true,
  };
  const reply = await connection.request(`$JS.API.STREAM.CREATE.${bucket.name}`, JSON.stringify(bucket), REQUEST);
  const { error } = reply.json<{ readonly error?: { readonly description: string } }>();
  if (error !== undefined) throw new Error(`Cannot create the bucket: ${error.description}`);
}

function startServer(index: number, port: number, route: number, routes: readonly number[]): void {
  const folder = mkdtempSync(join(tmpdir(), "troupe-bench-nats-"));
  const others = routes.map((each) => `nats-route://127.0.0.1:${each}`).join(", ");
  writeFileSync(
    join(folder, "server.conf"),
    [
      `server_name: bench${index}`,
      `listen: "127.0.0.1:${port}"`,
      `jetstream { store_dir: "${folder}/store", max_mem: 512M, max_file: 16M }`,
      `cluster { name: bench, listen: "127.0.0.1:${route}", routes: [ ${others} ] }`,
    ].join("\n"),
  );
  spawn("sh", ["-c", KEEPER, folder], { stdio: ["pipe", "ignore", "ignore"] });
}
