import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { connect, type Msg } from "@nats-io/transport-node";
import type { Log } from "../../core/ports.ts";
import { natsDiscovery, type NatsDiscoveryOptions } from "../../discovery/nats.ts";
import { type OpenDiscovery, openDiscovery } from "../../discovery/open_discovery.ts";
import { discoveryContract, SELVES } from "../contract/discovery.ts";
import { eventually, failureOf } from "../discovery/awaiting.ts";
import { quietLog } from "../fixtures/quiet_log.ts";
import { NatsServerOfTest, testsWith } from "./nats_server.ts";

const [first = "", second = "", third = ""] = SELVES;

testsWith(["nats-server"], "natsDiscovery() with a real server", () => {
  discoveryContract("NATS", async () => {
    const server = await NatsServerOfTest.start();
    return {
      provider: () => natsDiscovery({ servers: server.url, timeoutMs: 400 }),
      finds: "registered",
      stall: () => server.pause(),
      resume: () => server.resume(),
      dispose: () => server.dispose(),
    };
  }, { stalls: true });

  describe("natsDiscovery() with a real server", () => {
    const opened: OpenDiscovery[] = [];
    const servers: NatsServerOfTest[] = [];
    afterEach(async () => {
      await Promise.all(opened.splice(0).map((discovery) => discovery.close(5_000)));
      await Promise.all(servers.splice(0).map((server) => server.dispose()));
    });
    const start = async (config?: string): Promise<NatsServerOfTest> => {
      const server = await NatsServerOfTest.start(config);
      servers.push(server);
      return server;
    };
    const open = async (options: NatsDiscoveryOptions, context: Partial<Opening> = {}): Promise<OpenDiscovery> => {
      const discovery = await openNats(options, context);
      opened.push(discovery);
      return discovery;
    };

    it("nodes find each other again when their server was killed and has come back, and fail until then", async () => {
      const server = await start();
      const nodes = await Promise.all(SELVES.map((self) => open({ servers: server.url, timeoutMs: 400 }, { self })));
      const all = SELVES.toSorted();
      for (const node of nodes) assert.deepEqual(await find(node), all);
      await server.kill();
      for (const node of nodes) {
        // Never an empty list: what is published now is lost.
        assert.match((await failureOf(find(node))).message, /connection is lost|not come back/);
      }
      await server.startAgain();
      for (const node of nodes) {
        const isWhole = async () => (await find(node).catch(() => [])).length === all.length;
        await eventually("all nodes are found again", isWhole);
        assert.equal(node.counts().reconnects, 1);
      }
    });

    it("a find that is under way when the server is killed fails before its time", async () => {
      const server = await start();
      const node = await open({ servers: server.url, timeoutMs: 60_000 });
      const failure = failureOf(node.find({ timeoutMs: 60_000 }));
      await server.kill();
      assert.match((await failure).message, /the connection is lost/);
    });

    it("a node that was killed with its connection is not found any more", async () => {
      const server = await start();
      const node = await open({ servers: server.url });
      const raw = await connect({ servers: server.url });
      const subscription = raw.subscribe("troupe.bank.discovery", {
        callback: (_error, message) => answerAs(message, third),
      });
      await raw.flush();
      assert.deepEqual(await find(node), [first, third].sort());
      await raw.close();
      assert.ok(subscription.isClosed());
      assert.deepEqual(await find(node), [first]);
    });

    it("systems that share a subject don't find each other's nodes, and say that there is another", async () => {
      const server = await start();
      const warnings: unknown[] = [];
      const log = { ...quietLog, warn: (_message: string, fields: unknown) => void warnings.push(fields) };
      const options = { servers: server.url, subject: "shared.discovery", timeoutMs: 400 };
      const bank = await open(options, { system: "bank", self: first, log });
      const shop = await open(options, { system: "shop", self: second });
      for (let times = 0; times < 3; times++) {
        assert.deepEqual(await find(bank), [first]);
        assert.deepEqual(await find(shop), [second]);
      }
      assert.deepEqual([bank.counts().foreign, shop.counts().foreign], [3, 3]);
      assert.deepEqual(warnings, [{
        reason: "some messages on shared.discovery are not of this version of the cluster bank",
      }]);
    });

    it("systems whose names differ only where subjects can't are told apart all the same", async () => {
      const server = await start();
      const dotted = await open({ servers: server.url, timeoutMs: 400 }, { system: "a.b", self: first });
      const lined = await open({ servers: server.url, timeoutMs: 400 }, { system: "a_b", self: second });
      assert.deepEqual(await find(dotted), [first]);
      assert.deepEqual(await find(lined), [second]);
    });

    it("garbage on the subject, and among the answers, is counted and harms nothing", async () => {
      const server = await start();
      const node = await open({ servers: server.url, timeoutMs: 400 });
      const raw = await connect({ servers: server.url });
      try {
        const subject = "troupe.bank.discovery";
        const answers: string[] = [];
        raw.subscribe(`${subject}.answers.*`, { callback: (_error, { subject: to }) => void answers.push(to) });
        raw.subscribe("elsewhere", { callback: () => void answers.push("elsewhere") });
        const garbage = [
          ...[new Uint8Array(0), Uint8Array.of(0xff, 0xfe), "null", "[]", "{", '"text"', "x".repeat(100_000)],
          ...[
            question({ find: "" }),
            question({ from: "a b" }),
            question({ troupe: "1" }),
            question({ kind: "answers" }),
          ],
        ];
        for (const payload of garbage) raw.publish(subject, payload, { reply: `${subject}.answers.evil` });
        // Nobody makes a node publish elsewhere, or to somebody who has not asked.
        for (const reply of ["elsewhere", `${subject}.answers.other`, `${subject}.answers.evil.more`, subject]) {
          raw.publish(subject, question({}), { reply });
        }
        raw.publish(subject, question({}));
        await raw.flush();
        assert.deepEqual(await find(node), [first]);
        const { malformed, unanswered, answered } = node.counts();
        assert.deepEqual({ malformed, unanswered, answered }, {
          malformed: garbage.length,
          unanswered: 5,
          answered: 1,
        });
        assert.deepEqual(answers.filter((to) => to === "elsewhere" || to.includes("other") || to.includes("evil")), []);

        const own = answers.at(-1) ?? "";
        const said = ["nowhere", "10.0.0.1", "http://a:1", "a:1\r\nPUB x 0", 7, null, undefined];
        for (const address of said) raw.publish(own, answer({ address }));
        raw.publish(own, answer({ find: "99", address: "10.6.6.6:1" }));
        await raw.flush();
        assert.deepEqual(await find(node), [first]);
        assert.equal(node.counts().malformed, garbage.length + said.length);
        assert.equal(node.counts().late, 1);
      } finally {
        await raw.close();
      }
    });

    it("wrong credentials are refused with a reason that doesn't tell them, and right ones are let in", async () => {
      const byUser = await start('authorization { user: "troupe", password: "right-word" }');
      const byToken = await start('authorization { token: "right-token" }');
      const wrong: NatsDiscoveryOptions[] = [
        { servers: byUser.url },
        { servers: byUser.url, user: "troupe", pass: "wrong-word" },
        { servers: byUser.url, token: "right-token" },
        { servers: byToken.url },
        { servers: byToken.url, token: "wrong-token" },
      ];
      for (const options of wrong) {
        const { message } = await failureOf(open(options));
        assert.match(message, /^Cannot connect to NATS: 127\.0\.0\.1:\d+: .*Authorization Violation/i);
        assert.doesNotMatch(message, /word|right-token|wrong-token/);
      }
      const right = await open({ servers: byUser.url, user: "troupe", pass: "right-word" });
      assert.deepEqual(await find(right), [first]);
      assert.deepEqual(await find(await open({ servers: byToken.url, token: "right-token" })), [first]);
    });

    it("credentials that were changed keep a node out until they are changed back", async () => {
      const server = await start('authorization { user: "troupe", password: "one" }');
      const node = await open({ servers: server.url, user: "troupe", pass: "one", timeoutMs: 400 });
      await server.kill();
      await server.startAgain('authorization { user: "troupe", password: "other" }');
      // The SDK by itself would give up at the second refusal.
      await eventually("it was refused some times", async () => {
        await failureOf(find(node));
        return server.said("authentication error") >= 3;
      });
      await server.kill();
      await server.startAgain('authorization { user: "troupe", password: "one" }');
      await eventually("it is let in again", () => find(node).catch(() => undefined));
    });

    it("a subject that isn't allowed fails open() or find() with the server's reason", async () => {
      const users = [
        'user: "deaf", password: "x", permissions: { publish: ">", subscribe: "other.>" }',
        'user: "mute", password: "x", permissions: { publish: "other.>", subscribe: ">" }',
        'user: "able", password: "x", permissions: { publish: [S, S_BELOW], subscribe: [S, S_BELOW] }',
      ].map((user) => `{ ${user.replaceAll("S_BELOW", '"nodes.>"').replaceAll("S,", '"nodes",')} }`);
      const server = await start(`authorization { users: [ ${users.join(", ")} ] }`);
      const options = { servers: server.url, subject: "nodes", pass: "x" };
      assert.match(
        (await failureOf(open({ ...options, user: "deaf" }))).message,
        /Permissions Violation for Subscription/,
      );
      const mute = await open({ ...options, user: "mute" });
      assert.match((await failureOf(find(mute))).message, /Permissions Violation for Publish/);
      assert.deepEqual(await find(await open({ ...options, user: "able" })), [first]);
    });

    it("the next server is taken when one isn't there, and the one that isn't is tried again later", async () => {
      const [gone, stays] = [await start(), await start()];
      await gone.kill();
      const node = await open({ servers: [gone.url, stays.url], timeoutMs: 400 });
      assert.deepEqual(await find(node), [first]);
      await gone.startAgain();
      await stays.kill();
      await eventually("the other server is found", () => find(node).catch(() => undefined));
    });

    it("200 nodes on one subject all find each other", async () => {
      const server = await start();
      const selves = Array.from({ length: 200 }, (_, index) => `10.2.0.${index}:3320`);
      const nodes = await Promise.all(selves.map((self) => open({ servers: server.url, timeoutMs: 4_000 }, { self })));
      const found = await Promise.all(nodes.slice(0, 20).map((node) => node.find({ timeoutMs: 20_000 })));
      for (const addresses of found) assert.deepEqual(addresses, selves.toSorted());
    });
  });
});

interface Opening {
  readonly system: string;
  readonly self: string;
  readonly log: Log;
}

function openNats(
  options: NatsDiscoveryOptions,
  { system = "bank", self = first, log = quietLog }: Partial<Opening> = {},
): Promise<OpenDiscovery> {
  return openDiscovery(natsDiscovery(options), { system, self, log, wait: { timeoutMs: 20_000 } });
}

function find(discovery: OpenDiscovery): Promise<readonly string[]> {
  return discovery.find({ timeoutMs: 20_000 });
}

function question(fields: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ troupe: 1, system: "bank", kind: "question", find: "1", from: "evil", ...fields });
}

function answer(fields: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ troupe: 1, system: "bank", kind: "answer", find: "2", from: "evil", ...fields });
}

/** What another implementation would answer. */
function answerAs(message: Msg, address: string): void {
  const { find } = message.json<{ readonly find: string }>();
  message.respond(answer({ find, from: "raw", address }));
}
