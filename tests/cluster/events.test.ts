/**
 * What subscribers see of a change of views.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { epoch } from "../../core/ids.ts";
import { eventsBetween } from "../../cluster/events.ts";
import type { View } from "../../cluster/view.ts";
import { member } from "./planned.ts";
import { following, founded, lacking } from "./view_values.ts";

const view = founded("a b c");

describe("eventsBetween()", () => {
  it("is everybody's joining, and the leader, for the first view", () => {
    assert.deepEqual(between(undefined, view), [
      "nodeJoined a",
      "nodeJoined b",
      "nodeJoined c",
      "leaderChanged a in 1",
    ]);
  });

  it("is nothing for a view that moves partitions only", () => {
    assert.deepEqual(between(view, following(view, {})), []);
  });

  it("is a loss for a member that was up, and a new leader after it", () => {
    assert.deepEqual(between(view, lacking(view, "a")), ["nodeLeft a lost", "leaderChanged b in 2"]);
  });

  it("is a leaving, then a leave in good order", () => {
    const going = following(view, {
      members: view.members.map((one) => one.id === "c" ? { ...one, status: "leaving" } : one),
    });
    assert.deepEqual(between(view, going), ["nodeLeaving c"]);
    assert.deepEqual(between(going, lacking(going, "c")), ["nodeLeft c left"]);
  });

  it("is first who left, then who joined", () => {
    const next = following(view, { members: [...view.members.slice(0, 2), member("z", { joinEpoch: epoch(0) })] });
    assert.deepEqual(between(view, next), ["nodeLeft c lost", "nodeJoined z"]);
  });

  it("is the sum for whoever skipped views: one that left in good order has not been lost", () => {
    const going = following(view, {
      members: view.members.map((one) => one.id === "a" ? { ...one, status: "leaving" } : one),
    });
    const gone = lacking(going, "a");
    assert.deepEqual(between(view, gone), ["nodeLeaving a", "nodeLeft a left", "leaderChanged b in 2"]);
    assert.deepEqual(between(going, { ...gone, removed: [] }), ["nodeLeft a left"], "as it was last seen");
  });

  it("carries the epoch of the view it was read off", () => {
    assert.deepEqual(eventsBetween(view, lacking(view, "c")).map((event) => event.epoch), [2]);
  });
});

function between(previous: View | undefined, next: View): readonly string[] {
  return eventsBetween(previous, next).map((event) => {
    if (event.kind === "leaderChanged") return `${event.kind} ${event.leader} in ${event.term}`;
    return event.kind === "nodeLeft"
      ? `${event.kind} ${event.node.id} ${event.reason}`
      : `${event.kind} ${event.node.id}`;
  });
}
