/**
 * Links over TLS: with certificates on one side and on both, and what becomes of those whose certificates are none.
 *
 * @module
 */
import assert from "node:assert/strict";
import { request } from "node:https";
import { connect } from "node:net";
import { after, before, describe, it } from "node:test";
import { nodeId } from "../../core/ids.ts";
import { seededRandom } from "../../core/random.ts";
import { createLinks } from "../../remoting/links.ts";
import type { TlsOptions } from "../../remoting/security.ts";
import { listen } from "../../remoting/listener.ts";
import { quietLog } from "../fixtures/quiet_log.ts";
import { eventually, failureOf, thrownBy } from "../fixtures/conditions.ts";
import { type Authority, canCertify, type Certificate, withAuthorities } from "../remoting/certificates.ts";
import { joined, type RealNode, realNode, SECRET } from "../remoting/real_node.ts";
import { letter, RecordedEvents } from "../remoting/recorded_links.ts";

const HOSTS = "DNS:localhost,IP:127.0.0.1";
const why = canCertify() ? false : "there is no openssl to make certificates with";

describe("links over TLS", { timeout: 60_000, skip: why }, () => {
  let ours: Authority;
  let ownNode: Certificate;
  let elsewhere: Certificate;
  let theirs: Authority;
  let rogue: Certificate;
  before(() =>
    withAuthorities(["ours", "theirs"], async (one, other) => {
      assert.ok(one !== undefined && other !== undefined);
      [ours, theirs] = [one, other];
      ownNode = ours.sign("node", HOSTS);
      elsewhere = ours.sign("elsewhere", "DNS:elsewhere.example.org");
      rogue = theirs.sign("rogue", HOSTS);
      await Promise.resolve();
    })
  );

  const nodes: RealNode[] = [];
  after(async () => {
    for (const node of nodes) await node.stop();
  });

  async function start(name: string, tls: TlsOptions, secrets: boolean): Promise<RealNode> {
    const security = secrets ? { secrets: [SECRET], tls } : { tls };
    const node = await realNode(name, { listen: { host: "localhost", tls, handshakeMs: 700 }, links: { security } });
    nodes.push(node);
    return node;
  }

  it("two nodes with a secret and certificates of one authority exchange frames on both lanes", async () => {
    const tls = { ...ownNode, ca: ours.ca };
    const [a, b] = [await start("a", tls, true), await start("b", tls, true)];
    await joined(a, b);
    b.events.onFrame = ({ lane, generation, frame }) => {
      if (lane === "data") b.links.consumed(a.id, generation, frame.length);
    };
    a.links.send(b.id, "control", 1, letter("c"));
    a.links.send(b.id, "data", 1, letter("d", 8 << 20));
    await eventually("both came", () => [...b.events.said].sort().join("") === "cd");
    assert.equal(await statusOf(a, ours.ca), 404, "and HTTP is answered beside them");
  });

  it("two nodes with certificates on both sides need no secret", async () => {
    const tls = { ...ownNode, ca: ours.ca, requireClientCertificate: true };
    const [a, b] = [await start("a", tls, false), await start("b", tls, false)];
    await joined(a, b);
    b.links.send(a.id, "data", 1, letter("x"));
    await eventually("it came", () => a.events.said === "x");
  });

  it("certificates on one side alone do not do without a secret on an address that others can reach", async () => {
    const tls = { ...ownNode, ca: ours.ca };
    const listener = await listen({ host: "localhost", port: 0, tls, advertise: { host: "node.example.org" } });
    const failure = thrownBy(() => createWith(listener, tls));
    assert.equal(failure.code, "invalid-options");
    await listener.close();
  });

  it("a node whose certificate is another authority's is not let in, and lets nobody in", async () => {
    const tls = { ...ownNode, ca: ours.ca, requireClientCertificate: true };
    const [a, stranger] = [
      await start("a", tls, true),
      await start("z", { ...rogue, ca: [theirs.ca, ours.ca], requireClientCertificate: true }, true),
    ];
    stranger.links.greet(a.address, letter("x"));
    await eventually("it is refused", () => stranger.events.refusals.length > 0);
    assert.equal(stranger.events.refusals[0]?.code, "unreachable");
    a.links.greet(stranger.address, letter("x"));
    await eventually("its own is not believed", () => a.events.refusals.length > 0);
    assert.equal(a.events.refusals[0]?.code, "unreachable");
    assert.deepEqual([a.events.lines, stranger.events.lines], [[], []]);
  });

  it("a certificate of another host is not believed", async () => {
    const a = await start("a", { ...ownNode, ca: ours.ca }, true);
    const other = await start("b", { ...elsewhere, ca: ours.ca }, true);
    a.links.greet(other.address, letter("x"));
    await eventually("it is refused", () => a.events.refusals.length > 0);
    assert.match(a.events.refusals[0]?.words ?? "", /altnames|ERR_TLS_CERT_ALTNAME_INVALID|NotValidForName|host/i);
  });

  it("a node without certificates and one with them do not meet", async () => {
    const a = await start("a", { ...ownNode, ca: ours.ca }, true);
    const plain = await realNode("p");
    nodes.push(plain);
    plain.links.greet(a.address, letter("x"));
    a.links.greet(plain.address.replace("127.0.0.1", "localhost"), letter("x"));
    await eventually("both are refused", () => [a, plain].every(({ events }) => events.refusals.length > 0));
    assert.deepEqual([a.events.upCount, plain.events.upCount], [0, 0]);
  });

  it("one who dials and never begins TLS is closed after the time of a handshake", async () => {
    const a = await start("a", { ...ownNode, ca: ours.ca }, true);
    let isClosed = false;
    const silent = connect(a.listener.port, "localhost").on("error", () => {}).on("close", () => isClosed = true);
    silent.resume();
    await eventually("it is closed", () => isClosed);
  });

  it("a text that only looks like a certificate is found out before anybody is let in", async () => {
    const none = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (
      const tls of [{ ...ownNode, cert: none }, { ...ownNode, key: none }, { ...ownNode, key: rogue.key }, {
        ...ownNode,
        ca: none,
      }]
    ) {
      const failure = await failureOf(listen({ host: "localhost", port: 0, tls }));
      assert.equal(failure.code, "start-failed");
    }
  });
});

function createWith(listener: RealNode["listener"], tls: TlsOptions): unknown {
  return createLinks({
    self: { id: nodeId("x"), address: listener.address },
    clusterName: "test",
    settings: {},
    security: { tls },
    listener,
    events: new RecordedEvents(),
    clock: () => performance.now(),
    random: seededRandom(1),
    log: quietLog,
  });
}

/** The status of an HTTP request to the node's port. */
function statusOf(node: RealNode, ca: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request({ host: "localhost", port: node.listener.port, path: "/x", ca }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on("error", reject).end();
  });
}
