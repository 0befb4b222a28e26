/**
 * What every discovery provider promises, as tests: call {@link discoveryContract} from a test file with a way to make
 * providers for the nodes of one cluster. They are opened as the system opens them, by `openDiscovery`.
 *
 * @module
 */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { ActorError } from "../../core/failure.ts";
import { parseAddress } from "../../discovery/address.ts";
import { type OpenDiscovery, openDiscovery } from "../../discovery/open_discovery.ts";
import type { DiscoveryProvider, Wait } from "../../discovery/provider.ts";
import { quietLog } from "../fixtures/quiet_log.ts";

/** Where the nodes of one cluster find each other. */
export interface DiscoveryFixture {
  /** A provider for one more node. */
  provider(): DiscoveryProvider;
  /**
   * What its nodes find: `"registered"` are those that are open, and only they; else this list, whoever is open. It names
   * {@link SELVES}[0] among others.
   */
  readonly finds: "registered" | readonly string[];
  /** Makes what answers stand still, so that a find waits; left out where nobody else has to answer. */
  stall?(): void | Promise<void>;
  /** Ends that. */
  resume?(): void;
  /** Lets go of everything. */
  dispose(): void | Promise<void>;
}

/** Addresses of the nodes that the suite opens. */
export const SELVES: readonly string[] = ["10.1.0.1:3320", "10.1.0.2:3320", "[fd00::3]:3320"];

/** How long anything may take that isn't meant to time out: a limit, not an expectation. */
const PATIENCE_MS = 20_000;
const PATIENT: Wait = { timeoutMs: PATIENCE_MS };
/** What is meant to time out. */
const SHORT_MS = 100;

/** Registers the contract's tests for the providers that `makeFixture` makes; `stalls`: its fixtures have `stall`. */
export function discoveryContract(
  name: string,
  makeFixture: () => DiscoveryFixture | Promise<DiscoveryFixture>,
  traits: { readonly stalls?: boolean } = {},
): void {
  describe(`${name} keeps the contract of discovery`, () => {
    let fixture: DiscoveryFixture;
    const opened: OpenDiscovery[] = [];
    beforeEach(async () => {
      fixture = await makeFixture();
    });
    afterEach(async () => {
      fixture.resume?.();
      await Promise.all(opened.splice(0).map((discovery) => discovery.close(PATIENCE_MS)));
      await fixture.dispose();
    });
    const [first = "", second = "", third = ""] = SELVES;
    const open = async (self: string = first, wait: Wait = PATIENT): Promise<OpenDiscovery> => {
      const discovery = await openDiscovery(fixture.provider(), { system: "bank", self, log: quietLog, wait });
      opened.push(discovery);
      return discovery;
    };
    const find = (discovery: OpenDiscovery) => discovery.find(PATIENT);
    const expected = (...registered: readonly string[]): readonly string[] =>
      fixture.finds === "registered" ? registered.toSorted() : fixture.finds.toSorted();

    it("its options have no problems", () => {
      assert.deepEqual(fixture.provider().check?.problems ?? [], []);
    });

    it("every node finds all nodes that are there", async () => {
      const nodes = await Promise.all([open(first), open(second), open(third)]);
      for (const node of nodes) assert.deepEqual(await find(node), expected(first, second, third));
    });

    it("find() gives addresses, each once, sorted, and gives them again", async () => {
      const node = await open();
      await open(second);
      const found = await find(node);
      assert.deepEqual(found, [...new Set(found)].sort());
      assert.ok(found.length > 0 && found.every((address) => parseAddress(address) !== undefined), String(found));
      assert.deepEqual(await find(node), found);
    });

    it("two finds at once find the same", async () => {
      const node = await open();
      await open(second);
      const [one, other] = await Promise.all([find(node), find(node)]);
      assert.deepEqual(one, expected(first, second));
      assert.deepEqual(other, one);
    });

    it("a node that has closed is not found any more, by itself neither", async () => {
      const [stays, leaves] = await Promise.all([open(first), open(second)]);
      assert.deepEqual(await find(stays), expected(first, second));
      await leaves.close(PATIENCE_MS);
      assert.deepEqual(await find(stays), expected(first));
      await rejects(find(leaves), /closed/);
    });

    it("a node that comes back is found again", async () => {
      const stays = await open(first);
      await (await open(second)).close(PATIENCE_MS);
      await open(second);
      assert.deepEqual(await find(stays), expected(first, second));
    });

    it("close() may be repeated, and called twice at once", async () => {
      const node = await open();
      await Promise.all([node.close(PATIENCE_MS), node.close(PATIENCE_MS)]);
      await node.close(PATIENCE_MS);
    });

    it("close() ends a find that is under way", async () => {
      const node = await open();
      await fixture.stall?.();
      const found = find(node);
      const outcome = fixture.stall === undefined ? found.catch(() => {}) : rejects(found, /closed/);
      await node.close(SHORT_MS);
      await outcome;
    });

    it("a signal that has aborted ends find() and open() before they begin", async () => {
      const node = await open();
      const aborted = AbortSignal.abort(new Error("enough"));
      await rejects(node.find({ timeoutMs: PATIENCE_MS, signal: aborted }), /aborted/);
      await rejects(open(second, { timeoutMs: PATIENCE_MS, signal: aborted }), /aborted/);
      assert.deepEqual(await find(node), expected(first), "and harms nothing");
    });

    it("a signal that aborts ends find(), and the next find is well", async () => {
      const node = await open();
      await fixture.stall?.();
      const abort = new AbortController();
      const found = node.find({ timeoutMs: PATIENCE_MS, signal: abort.signal });
      abort.abort();
      const error = await rejects(found, /aborted/);
      assert.equal(error.cause, abort.signal.reason);
      fixture.resume?.();
      assert.deepEqual(await find(node), expected(first));
    });

    if (traits.stalls) {
      it("when nobody answers, find() and open() fail by their deadline, and later they are well", async () => {
        const node = await open();
        await fixture.stall?.();
        await rejects(node.find({ timeoutMs: SHORT_MS }), /./);
        if (fixture.finds === "registered") await rejects(open(second, { timeoutMs: SHORT_MS }), /./);
        fixture.resume?.();
        assert.deepEqual(await find(node), expected(first));
      });

      it("close() is over in its time when nobody answers", async () => {
        const node = await open();
        await fixture.stall?.();
        await node.close(SHORT_MS);
      });
    }

    it("counts() says how many finds there were, and how many failed", async () => {
      const node = await open();
      await find(node);
      await node.close(PATIENCE_MS);
      await rejects(find(node), /closed/);
      const { finds, failures } = node.counts();
      assert.deepEqual([finds, failures], [2, 1]);
    });
  });
}

async function rejects(promise: Promise<unknown>, reason: RegExp): Promise<ActorError> {
  const outcome = await promise.then((value) => value, (thrown: unknown) => thrown);
  assert.ok(outcome instanceof ActorError, `an ActorError is expected, and there is ${String(outcome)}`);
  assert.equal(outcome.code, "discovery-failed");
  assert.equal(outcome.fate, "not-delivered");
  assert.match(outcome.message, reason);
  return outcome;
}
