import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { OptionProblem } from "../../core/options_check.ts";
import { dnsDiscovery, type DnsDiscoveryOptions, dnsDiscoveryWith, type LookUp } from "../../discovery/dns.ts";
import { parseServer } from "../../discovery/dns_lookup.ts";
import { type OpenDiscovery, openDiscoveryWith } from "../../discovery/open_discovery.ts";
import type { DiscoveryProvider } from "../../discovery/provider.ts";
import { quietLog } from "../fixtures/quiet_log.ts";
import { settled, StillOutside } from "./still_outside.ts";

const NAME = "nodes.bank.internal";

describe("dnsDiscovery()", () => {
  it("asks for both sorts of addresses and gives each the port", async () => {
    const asked: string[] = [];
    const lookUp: LookUp = (name, type) => {
      asked.push(`${name} ${type}`);
      return found(type === "A" ? ["10.0.0.2", "10.0.0.1"] : ["fd00::7"]);
    };
    const discovery = await opened({ name: `${NAME}.`, port: 3320 }, lookUp);
    assert.deepEqual(await find(discovery), ["10.0.0.1:3320", "10.0.0.2:3320", "[fd00::7]:3320"]);
    assert.deepEqual(asked, [`${NAME} A`, `${NAME} AAAA`]);
  });

  const types: readonly [DnsDiscoveryOptions, readonly string[]][] = [
    [{ name: NAME, port: 1, type: "ipv4" }, ["A"]],
    [{ name: NAME, port: 1, type: "ipv6" }, ["AAAA"]],
    [{ name: NAME, type: "srv" }, ["SRV"]],
  ];
  for (const [options, asked] of types) {
    it(`of type ${options.type} asks for ${asked} alone`, async () => {
      const types: string[] = [];
      await find(await opened(options, (_name, type) => (types.push(type), found([]))));
      assert.deepEqual(types, asked);
    });
  }

  it("takes the port of a service from its record", async () => {
    const lookUp: LookUp = () =>
      Promise.resolve({ found: [{ host: "node-1", port: 3321 }, { host: "node-1", port: 3320 }], malformed: 2 });
    const discovery = await opened({ name: NAME, type: "srv" }, lookUp);
    assert.deepEqual(await find(discovery), ["node-1:3320", "node-1:3321"]);
    assert.equal(discovery.counts().malformed, 2);
  });

  it("half of the addresses is a failed find, and the other lookup is ended", async () => {
    const signals: AbortSignal[] = [];
    const lookUp: LookUp = (_name, type, _servers, { signal }) => {
      signals.push(signal);
      return type === "A" ? new Promise(() => {}) : Promise.reject(new Error("SERVFAIL"));
    };
    const discovery = await opened({ name: NAME, port: 3320 }, lookUp);
    await assert.rejects(find(discovery), { code: "discovery-failed", message: /SERVFAIL$/ });
    assert.deepEqual(signals.map(({ aborted }) => aborted), [true, true]);
  });

  it("a lookup that hangs is ended at the deadline", async () => {
    const outside = new StillOutside();
    const signals: AbortSignal[] = [];
    const lookUp: LookUp = (_name, _type, _servers, wait) => (signals.push(wait.signal), new Promise(() => {}));
    const finding = find(await opened({ name: NAME, port: 3320 }, lookUp, outside));
    finding.catch(() => {});
    await settled();
    outside.pass(1_000);
    await assert.rejects(finding, { code: "discovery-failed", message: /no answer in 1000 ms$/ });
    assert.deepEqual(signals.map(({ aborted }) => aborted), [true, true]);
    assert.equal(outside.timers, 0);
  });

  it("gives an answer again for intervalMs from when it was asked for, and never a failure", async () => {
    const outside = new StillOutside();
    const answers = [["10.0.0.1"], undefined, ["10.0.0.2"], ["10.0.0.3"]];
    const lookUp: LookUp = () => found(answers.shift());
    const discovery = await opened({ name: NAME, port: 1, type: "ipv4", intervalMs: 500 }, lookUp, outside);
    assert.deepEqual(await find(discovery), ["10.0.0.1:1"]);
    outside.pass(499);
    assert.deepEqual(await find(discovery), ["10.0.0.1:1"]);
    outside.pass(1);
    await assert.rejects(find(discovery), { code: "discovery-failed" });
    assert.deepEqual(await find(discovery), ["10.0.0.2:1"]);
    outside.pass(500);
    assert.deepEqual(await find(discovery), ["10.0.0.3:1"]);
  });

  it("names each option that is wrong", () => {
    assert.deepEqual(namesOf({ name: NAME, port: 3320 }), []);
    assert.deepEqual(namesOf({ name: "_troupe._tcp.bank", type: "srv", servers: ["10.0.0.2", "[fd00::2]:53"] }), []);
    assert.deepEqual(namesOf(undefined), ["name", "port"]);
    assert.deepEqual(namesOf({ name: NAME }), ["port"]);
    assert.deepEqual(namesOf({ name: NAME, type: "srv", port: 3320 }), ["port"]);
    assert.deepEqual(namesOf({ name: NAME, type: "constructor", port: 0 }), ["type", "port"]);
    assert.deepEqual(namesOf({ name: NAME, port: 1, intervalMs: -1, ttl: 1 }), ["ttl", "intervalMs"]);
    assert.deepEqual(namesOf({ name: NAME, port: 1, servers: [] }), ["servers"]);
    assert.deepEqual(namesOf({ name: NAME, port: 1, servers: ["dns.internal", "10.0.0.2", 53] }), [
      ...["servers[0]", "servers[2]"],
    ]);
    for (const name of ["", ".", "a..b", "10.0.0.1", "a b", "a".repeat(64), `${"a.".repeat(127)}a`, 7, null]) {
      assert.deepEqual(namesOf({ name, port: 1 }), ["name"], String(name));
    }
  });
});

describe("parseServer()", () => {
  const servers: readonly [text: unknown, server: ReturnType<typeof parseServer>][] = [
    ["10.0.0.2", { host: "10.0.0.2", port: 53 }],
    ["10.0.0.2:5353", { host: "10.0.0.2", port: 5353 }],
    ["fd00::2", { host: "fd00::2", port: 53 }],
    ["[fd00::2]:5353", { host: "fd00::2", port: 5353 }],
    ["fe80::1%eth0", { host: "fe80::1%eth0", port: 53 }],
    ["dns.internal", undefined],
    ["dns.internal:53", undefined],
    ["10.0.0.2:0", undefined],
    ["10.0.0.256", undefined],
    ["", undefined],
    [undefined, undefined],
  ];
  for (const [text, server] of servers) {
    it(`${JSON.stringify(text)} is ${server === undefined ? "no server" : `${server.host} at ${server.port}`}`, () => {
      assert.deepEqual(parseServer(text), server);
    });
  }
});

function opened(
  options: DnsDiscoveryOptions,
  lookUp: LookUp,
  outside: StillOutside = new StillOutside(),
): Promise<OpenDiscovery> {
  const context = { system: "bank", self: "10.0.0.1:3320", log: quietLog, wait: { timeoutMs: 1_000 } };
  return openDiscoveryWith(dnsDiscoveryWith(options, lookUp, outside), context, outside);
}

function find(discovery: OpenDiscovery): Promise<readonly string[]> {
  return discovery.find({ timeoutMs: 1_000 });
}

function found(hosts: readonly string[] | undefined): ReturnType<LookUp> {
  if (hosts === undefined) return Promise.reject(new Error("SERVFAIL"));
  return Promise.resolve({ found: hosts.map((host) => ({ host, port: undefined })), malformed: 0 });
}

/** The options that are wrong, without the word before them. Plain JavaScript may give anything. */
function namesOf(options: unknown): readonly string[] {
  const provider: DiscoveryProvider = Reflect.apply(dnsDiscovery, undefined, [options]);
  const problems: readonly OptionProblem[] = provider.check?.problems ?? [];
  return problems.map(({ name }) => name.replace("dnsDiscovery.", ""));
}
