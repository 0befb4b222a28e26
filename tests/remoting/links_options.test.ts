/**
 * What links and a listener refuse to begin with.
 *
 * @module
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ActorError } from "../../core/failure.ts";
import { listen, type ListenOptions } from "../../remoting/listener.ts";
import type { LinksOptions } from "../../remoting/links.ts";
import { failureOf, thrownBy } from "../fixtures/conditions.ts";
import { MemoryNetwork } from "./memory_network.ts";
import { memoryNode, type MemoryNodeOptions, SECRET } from "./memory_node.ts";

const PEM = "-----BEGIN CERTIFICATE-----";
const TLS = { cert: PEM, key: PEM };

describe("links", () => {
  const cases: readonly (readonly [string, MemoryNodeOptions, string])[] = [
    ["an id with a space", { self: { id: "a b" as LinksOptions["self"]["id"], address: "a:1" } }, "self.id"],
    ["an address that is none", { self: { id: "a" as LinksOptions["self"]["id"], address: "a" } }, "self.address"],
    ["no cluster name", { clusterName: "" }, "clusterName"],
    ["a setting that is no value", { settings: { hash: NaN } }, "settings.hash"],
    ["a setting of too many characters", { settings: { hash: "x".repeat(65) } }, "settings.hash"],
    [
      "33 settings",
      { settings: Object.fromEntries(Array.from({ length: 33 }, (_, index) => [`s${index}`, 1])) },
      "settings",
    ],
    ["no secrets in a list of them", { security: { secrets: [] } }, "security.secrets"],
    ["a secret that is guessed", { security: { secrets: [{ id: "k", value: "short" }] } }, "security.secrets.0.value"],
    ["two secrets of one name", { security: { secrets: [SECRET, SECRET] } }, "security.secrets"],
    ["a secret without a name", { security: { secrets: [{ ...SECRET, id: "" }] } }, "security.secrets.0.id"],
    ["certificates the listener has not", { security: { secrets: [SECRET], tls: TLS } }, "security.tls"],
    ["an option nobody knows", { security: { secret: [SECRET] } as LinksOptions["security"] }, "security.secret"],
    ["a limit that is none", { limits: { windowBytes: 0 } }, "limits.windowBytes"],
    ["a limit nobody knows", { limits: { windowByte: 1 } as LinksOptions["limits"] }, "limits.windowByte"],
    ["pings that come too late", { limits: { pingAfterMs: 15_000 } }, "limits.pingAfterMs"],
  ];
  for (const [claim, options, name] of cases) {
    it(`do not begin with ${claim}: ${name}`, () => {
      const failure = thrownBy(() => memoryNode(new MemoryNetwork(), "a", options));
      assert.equal(failure.code, "invalid-options");
      assert.ok(namesOf(failure).includes(name), namesOf(failure).join());
    });
  }

  it("never show a secret", () => {
    const failure = thrownBy(() =>
      memoryNode(new MemoryNetwork(), "a", { security: { secrets: [{ id: "k", value: "hunter2" }] } })
    );
    assert.ok(!JSON.stringify([failure.message, failure.details]).includes("hunter2"));
  });

  for (
    const [json, name] of [
      ['{"secrets":"hunter2hunter2hunter2"}', "security.secrets"],
      ['{"secrets":["hunter2hunter2hunter2"]}', "security.secrets.0"],
      ['{"secrets":[null]}', "security.secrets.0"],
      ['{"tls":null}', "security.tls"],
      ['{"tls":{"cert":"-----BEGIN X","key":"-----BEGIN hunter2","ca":7}}', "security.tls.ca"],
      ['"hunter2hunter2hunter2"', "security"],
    ] as const
  ) {
    it(`name what is wrong with ${json}, and show nothing of it`, () => {
      const security: LinksOptions["security"] = JSON.parse(json);
      const failure = thrownBy(() => memoryNode(new MemoryNetwork(), "a", { security }));
      assert.equal(failure.code, "invalid-options");
      assert.ok(namesOf(failure).includes(name), namesOf(failure).join());
      assert.ok(!JSON.stringify([failure.message, failure.details]).includes("hunter2"));
    });
  }

  it("without a secret begin on loopback only, by every name there is", () => {
    const begin = (host: string, address: string) =>
      memoryNode(new MemoryNetwork(), "a", {
        address,
        listener: new MemoryNetwork().listen(`${host}:1`),
        security: {},
      });
    begin("127.0.0.1", "localhost:1");
    for (
      const [host, address] of [["0.0.0.0", "localhost:1"], ["10.0.0.1", "localhost:1"], [
        "127.0.0.1",
        "10.0.0.1:1",
      ]] as const
    ) {
      assert.deepEqual(namesOf(thrownBy(() => begin(host, address))), ["security"]);
    }
  });

  it("without a secret neither dial other machines nor let them in", () => {
    const network = new MemoryNetwork();
    const a = memoryNode(network, "a", { address: "localhost:1", security: {} });
    a.links.greet("10.0.0.1:1", new Uint8Array(1));
    assert.equal(network.pairs.length, 0);
    assert.deepEqual(a.events.refusals.map(({ code, dialedBy }) => [code, dialedBy]), [["not-loopback", "us"]]);
    let closeCode = 0;
    a.listener.acceptor?.incoming({
      lane: "control",
      remoteHost: "10.0.0.1",
      take: () => ({
        remoteHost: "10.0.0.1",
        send: () => assert.fail("a stranger is told nothing"),
        close: (code) => closeCode = code,
        terminate: () => {},
      }),
      settled: () => assert.fail("it is not"),
    });
    assert.equal(closeCode, 4410);
    assert.deepEqual(a.events.refusals.at(-1)?.code, "not-loopback");
  });
});

describe("a listener", () => {
  const cases: readonly (readonly [string, Partial<ListenOptions>, string])[] = [
    ["a host that is none", { host: "a b" }, "listen.host"],
    ["a port that is none", { port: 70_000 }, "listen.port"],
    ["every host, and no address for others", { host: "0.0.0.0" }, "listen.advertise"],
    ["every host of IPv6, and no address for others", { host: "::" }, "listen.advertise"],
    ["every host as its address", { advertise: { host: "0.0.0.0" } }, "listen.advertise.host"],
    ["no port as its address", { advertise: { host: "a", port: 0 } }, "listen.advertise.port"],
    ["a certificate that is none", { tls: { cert: "x", key: PEM } }, "listen.tls.cert"],
    ["a key that is none", { tls: { cert: PEM, key: "x" } }, "listen.tls.key"],
    ["certificates of nobody's asked for", { tls: { ...TLS, requireClientCertificate: true } }, "listen.tls.ca"],
    ["an option nobody knows", { advertised: "x" } as Partial<ListenOptions>, "listen.advertised"],
  ];
  for (const [claim, options, name] of cases) {
    it(`does not listen with ${claim}: ${name}`, async () => {
      const failure = await failureOf(listen({ host: "127.0.0.1", port: 0, ...options }));
      assert.equal(failure.code, "invalid-options");
      assert.deepEqual(namesOf(failure), [name]);
    });
  }
});

function namesOf(failure: ActorError): readonly string[] {
  const problems = failure.details.problems as readonly { readonly name: string }[];
  return problems.map(({ name }) => name);
}
