import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { OptionsCheck } from "../../core/options_check.ts";
import { natsSettingsOf, subjectOf } from "../../discovery/nats_options.ts";

const SERVERS = "nats://10.0.0.2:4222";

describe("natsSettingsOf()", () => {
  const servers: readonly [given: unknown, taken: readonly string[]][] = [
    ["nats://10.0.0.2:4222", ["10.0.0.2:4222"]],
    ["nats://10.0.0.2", ["10.0.0.2:4222"]],
    ["nats.bank.internal/", ["nats.bank.internal:4222"]],
    ["[fd00::2]", ["[fd00::2]:4222"]],
    [["a:1", "nats://b:2/"], ["a:1", "b:2"]],
  ];
  for (const [given, taken] of servers) {
    it(`${JSON.stringify(given)} is ${taken.join(" and ")}`, () => {
      assert.deepEqual(settingsOf({ servers: given }).servers, taken);
    });
  }

  it("the rest has defaults, but for the subject", () => {
    assert.deepEqual(settingsOf({ servers: "a:1" }), {
      ...{ servers: ["a:1"], subject: undefined, user: undefined, pass: undefined, token: undefined, tls: undefined },
      timeoutMs: 1_000,
    });
  });

  it("names each option that is wrong", () => {
    assert.deepEqual(namesOf(undefined), ["servers"]);
    assert.deepEqual(namesOf("nats://a:1"), ["", "servers"]);
    for (const given of ["", "tls://a:1", "ws://a:1", "http://a:1", "a:0", "nats://nats://a:1", 7, [], null]) {
      assert.deepEqual(namesOf({ servers: given }), ["servers"], String(given));
    }
    assert.deepEqual(namesOf({ servers: ["a:1", "a b"] }), ["servers[1]"]);
    assert.deepEqual(namesOf({ servers: Array(33).fill("a:1") }), ["servers"]);
    for (const subject of ["", "a.*", "a.>", ".a", "a.", "a..b", "a b", "a\n", "a\r\nPUB x", 7, "a".repeat(256)]) {
      assert.deepEqual(namesOf({ servers: SERVERS, subject }), ["subject"], String(subject));
    }
    for (const timeoutMs of [0, 39, 60_001, NaN, "1000"]) {
      assert.deepEqual(namesOf({ servers: SERVERS, timeoutMs }), ["timeoutMs"]);
    }
    assert.deepEqual(namesOf({ servers: SERVERS, username: "x" }), ["username"]);
    assert.deepEqual(namesOf({ servers: SERVERS, user: "a" }), ["pass"]);
    assert.deepEqual(namesOf({ servers: SERVERS, pass: "a" }), ["user"]);
    assert.deepEqual(namesOf({ servers: SERVERS, user: "", pass: 1, token: {} }), ["user", "pass", "token", "user"]);
    assert.deepEqual(namesOf({ servers: SERVERS, tls: true }), ["tls"]);
    assert.deepEqual(namesOf({ servers: SERVERS, tls: { cert: "c" } }), ["tls.key"]);
    assert.deepEqual(namesOf({ servers: SERVERS, tls: { keyFile: "k", rejectUnauthorized: false } }), [
      ...["tls.rejectUnauthorized", "tls.cert"],
    ]);
    assert.deepEqual(namesOf({ servers: SERVERS, tls: { cert: "c", keyFile: "k", ca: "" } }), ["tls.ca"]);
  });

  it("shows no secret in a problem", () => {
    const secrets = { servers: "nats://troupe:secret@a:1", pass: ["secret"], token: { secret: "secret" } };
    const check = new OptionsCheck();
    natsSettingsOf({ ...secrets, tls: { key: ["secret"], cert: 7 } }, check);
    assert.ok(check.problems.length >= 4);
    assert.doesNotMatch(JSON.stringify(check.problems), /secret@|"secret"/);
  });
});

describe("subjectOf()", () => {
  it("is a subject of three words for any name of a system", () => {
    assert.equal(subjectOf("bank"), "troupe.bank.discovery");
    for (const name of ["a.b", "a..", "a-b_c", "A9"]) {
      assert.match(subjectOf(name), /^troupe\.[\w-]+\.discovery$/);
      assert.deepEqual(namesOf({ servers: SERVERS, subject: subjectOf(name) }), []);
    }
  });
});

function settingsOf(options: unknown) {
  const check = new OptionsCheck();
  const settings = natsSettingsOf(options, check);
  assert.deepEqual(check.problems, []);
  return settings;
}

/** The options that are wrong, without the word before them. */
function namesOf(options: unknown): readonly string[] {
  const check = new OptionsCheck();
  natsSettingsOf(options, check);
  return check.problems.map(({ name }) => name.replace(/^natsDiscovery\.?/, ""));
}
