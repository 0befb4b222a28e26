import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { addressOf, listOf, parseAddress } from "../../discovery/address.ts";

describe("parseAddress()", () => {
  const addresses: readonly [text: string, host: string, port: number, key: string][] = [
    ["10.0.0.7:3320", "10.0.0.7", 3320, "10.0.0.7:3320"],
    ["Node-1.Bank.internal:1", "Node-1.Bank.internal", 1, "node-1.bank.internal:1"],
    ["node.:65535", "node.", 65535, "node:65535"],
    ["_x_y:1", "_x_y", 1, "_x_y:1"],
    ["[fd00::7]:3320", "fd00::7", 3320, "[fd00::7]:3320"],
    ["[FD00:0:0::0007]:3320", "FD00:0:0::0007", 3320, "[fd00::7]:3320"],
    ["[::ffff:10.0.0.1]:1", "::ffff:10.0.0.1", 1, "[::ffff:a00:1]:1"],
  ];
  for (const [text, host, port, key] of addresses) {
    it(`${text} is ${host} at ${port}`, () => assert.deepEqual(parseAddress(text), { text, host, port, key }));
  }

  const none: readonly unknown[] = [
    ...[undefined, null, 7, {}, ["a:1"], "", ":", ":1", "a", "a:", "a:0", "a:01", "a:65536", "a:-1", "a:1.5", "a: 1"],
    ...["a:1 ", " a:1", "a:1\n", "a\n:1", "a b:1", "a/b:1", "a@b:1", "a:1:2", "http://a:1", "a..b:1", ".a:1", "-a:1"],
    ...["a-:1", "ä:1", "fd00::7:1", "[fd00::7]", "[fd00::7]1", "[fd00::7%eth0]:1", "[10.0.0.1]:1", "[a]:1", "[]:1"],
    ...["10.0.0:1", "10.0.0.256:1", "010.0.0.1:1", "1.2.3.4.5:1", "0x7f.1:1", "a.0x7f:1", "a.1:1", "127:1"],
    ...[`${"a".repeat(64)}:1`, `${"a.".repeat(127)}a:1`, `${"a".repeat(400)}:1`, "*:1", "a*:1"],
  ];
  for (const text of none) {
    it(`${JSON.stringify(text)?.slice(0, 60)} is none`, () => assert.equal(parseAddress(text), undefined));
  }

  it("property: what is an address can be dialled as a URL, and has the same key again", () => {
    const hosts = fc.oneof(fc.ipV4(), fc.ipV6().map((host) => `[${host}]`), fc.domain(), fc.string());
    fc.assert(fc.property(hosts, fc.integer({ min: -1, max: 70_000 }), (host, port) => {
      const address = parseAddress(`${host}:${port}`);
      if (address === undefined) return;
      const url = new URL(`ws://${address.text}/`);
      assert.ok(url.port === String(address.port) || address.port === 80);
      assert.deepEqual([url.username, url.pathname, url.search, url.hash], ["", "/", "", ""]);
      assert.equal(parseAddress(address.key)?.key, address.key);
      assert.equal(parseAddress(addressOf(address.host, address.port))?.key, address.key);
    }));
  });
});

describe("listOf()", () => {
  it("gives each address once, sorted, and counts what is none", () => {
    const entries = ["b:2", "a:1", "B:2", "b.:2", "x", 7, "a:1", "[FD00::1]:1", "[fd00::1]:1"];
    assert.deepEqual(listOf(entries, "self:1"), { addresses: ["[FD00::1]:1", "a:1", "b:2"], malformed: 2 });
  });

  it("spells this node's own address as the node does", () => {
    assert.deepEqual(listOf(["SELF:1", "self.:1"], "Self:1").addresses, ["Self:1"]);
    assert.deepEqual(listOf(["[fd00:0::1]:1"], "[fd00::1]:1").addresses, ["[fd00::1]:1"]);
    assert.deepEqual(listOf(["a:1"], "not an address").addresses, ["a:1"]);
  });
});
