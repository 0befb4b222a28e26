/**
 * Every order in which the messages of two proposals can arrive, or not arrive: never are two views chosen.
 *
 * One idea: voters and proposers are small enough to be tried out completely. A state is what all of them remember and
 * what is on its way; from each state every message on its way is delivered next. A message that is lost is one that is
 * never delivered, and since every state is judged, so is every state in which messages were lost.
 *
 * @module
 */
import { describe, it } from "node:test";
import assert from "node:assert/strict";
import { instant, type NodeId, nodeId } from "../../core/ids.ts";
import { below, type Random, seededRandom } from "../../core/random.ts";
import { accept, type Acceptor, createAcceptor, prepare, type Verdict } from "../../cluster/acceptor.ts";
import { cast, createProposal, promised, type Proposal } from "../../cluster/proposer.ts";
import { ALL_RULES } from "../../cluster/rules.ts";
import { hasQuorum, type View } from "../../cluster/view.ts";
import type { Accepted, Ballot } from "../../cluster/view_protocol.ts";
import { following, founded, TIMES, voters } from "./view_values.ts";

type Message =
  | { readonly kind: "prepare" | "accept"; readonly by: number; readonly voter: NodeId; readonly view: View }
  | { readonly kind: "promise"; readonly by: number; readonly voter: NodeId; readonly accepted: Accepted | undefined };

interface State {
  readonly acceptors: ReadonlyMap<NodeId, Acceptor>;
  readonly proposals: readonly Proposal[];
  readonly onWay: readonly Message[];
  /** Which voters have ever accepted which ballot, as `round/by voter view`. */
  readonly votes: readonly string[];
}

const NOW = instant(0);
const equal = founded("a b c");
const weighed: View = { ...founded("a b c d"), voters: voters("a:2 b c d"), need: 3 };

describe("two proposals", () => {
  it("of which three voters hear in any order choose one view at most", () => {
    const { states, chosen } = exploreAll(begin(equal, [ballot(1, "a"), ballot(1, "b")]));
    assert.ok(states > 5_000, `${states} states`);
    assert.deepEqual([...chosen].sort(), ["by a", "by b"], "either may win");
  });

  it("with rounds far apart choose one view at most", () => {
    const { chosen } = exploreAll(begin(equal, [ballot(1, "b"), ballot(7, "a")]));
    assert.equal(chosen.size, 2);
  });
});

describe("four proposals", () => {
  const ballots = [ballot(1, "a"), ballot(1, "b"), ballot(2, "a"), ballot(3, "c")];
  for (const [name, view] of [["equal", equal], ["weighed", weighed]] as const) {
    it(`of which ${name} votes hear in one of 1,500 orders choose one view at most`, () => {
      for (let seed = 1; seed <= 1_500; seed++) walk(begin(view, ballots), seededRandom(seed), seed);
    });
  }
});

/** All proposals have just sent out their first messages. */
function begin(view: View, ballots: readonly Ballot[]): State {
  const proposals = ballots.map((one) => {
    const wanted = { ...following(view, {}, { name: `by ${one.by}` }), voters: view.voters, need: view.need };
    return createProposal(1, view, wanted, one, instant(1_000_000), NOW);
  });
  const ids = view.voters.map(({ id }) => id);
  const onWay = proposals.flatMap((proposal, by) => castBy(proposal, by, ids));
  return { acceptors: new Map(ids.map((id) => [id, createAcceptor()])), proposals, onWay, votes: [] };
}

function exploreAll(first: State): { readonly states: number; readonly chosen: ReadonlySet<string> } {
  const seen = new Set([keyOf(first)]);
  const open = [first];
  const chosen = new Set<string>();
  for (let state = open.pop(); state !== undefined; state = open.pop()) {
    for (let index = 0; index < state.onWay.length; index++) {
      const next = deliver(state, index);
      const key = keyOf(next);
      if (seen.has(key)) continue;
      seen.add(key);
      const winner = chosenIn(next);
      if (winner !== undefined) chosen.add(winner);
      open.push(next);
    }
    assert.ok(seen.size < 400_000, "the exploration is bounded");
  }
  return { states: seen.size, chosen };
}

/** One order, in which about one message of eight is lost. */
function walk(first: State, random: Random, seed: number): void {
  let state = first;
  for (let steps = 0; state.onWay.length > 0 && steps < 200; steps++) {
    const index = below(random, state.onWay.length);
    if (below(random, 8) === 0) state = { ...state, onWay: state.onWay.toSpliced(index, 1) };
    else state = deliver(state, index);
    assert.doesNotThrow(() => chosenIn(state), `seed ${seed}`);
  }
}

/** The one view that is chosen, if any; more than one is the end. */
function chosenIn({ proposals, votes }: State): string | undefined {
  const drafts = new Set<string>();
  for (const { base, ballot: { round, by } } of proposals) {
    const mine = votes.map((vote) => vote.split("|")).filter(([name]) => name === `${round}/${by}`);
    if (hasQuorum(base, mine.map(([, voter = ""]) => nodeId(voter)))) drafts.add(mine[0]?.[2] ?? "");
  }
  assert.ok(drafts.size <= 1, `chosen: ${[...drafts].join(" and ")}`);
  return [...drafts][0];
}

function deliver(state: State, index: number): State {
  const message = state.onWay[index];
  assert.ok(message !== undefined);
  const rest = state.onWay.toSpliced(index, 1);
  const { by, voter } = message;
  const proposal = state.proposals[by];
  const acceptor = state.acceptors.get(voter);
  assert.ok(proposal !== undefined && acceptor !== undefined);
  switch (message.kind) {
    case "prepare":
    case "accept": {
      const copy: Acceptor = { ...acceptor };
      const verdict: Verdict = message.kind === "prepare"
        ? prepare(copy, proposal.ballot)
        : accept(copy, proposal.base, proposal.ballot, message.view, NOW, TIMES, ALL_RULES);
      const acceptors = new Map(state.acceptors).set(voter, copy);
      if (verdict.kind === "promise" && proposal.phase === "accept") return { ...state, acceptors, onWay: rest };
      if (verdict.kind === "promise") {
        return { ...state, acceptors, onWay: [...rest, { ...verdict, by, voter }] };
      }
      if (verdict.kind !== "accepted") return { ...state, acceptors, onWay: rest };
      const { round, by: name } = proposal.ballot;
      const votes = [...state.votes, `${round}/${name}|${voter}|${message.view.draft}`];
      // Nobody needs to hear of it: what is chosen is judged by what voters did.
      return { ...state, acceptors, votes, onWay: rest };
    }
    case "promise": {
      const copy: Proposal = { ...proposal, promises: new Map(proposal.promises) };
      const isNext = promised(copy, voter, proposal.ballot, message.accepted, NOW);
      const casts = isNext ? castBy(copy, by, [...state.acceptors.keys()]) : [];
      // What comes after the quorum changes nothing.
      const still = isNext ? rest.filter((one) => one.kind !== "promise" || one.by !== by) : rest;
      return { ...state, proposals: state.proposals.with(by, copy), onWay: [...still, ...casts] };
    }
    default:
      return message satisfies never;
  }
}

function castBy(proposal: Proposal, by: number, to: readonly NodeId[]): readonly Message[] {
  const message = cast(proposal, proposal.castAt);
  assert.ok(message?.kind === "prepare" || message?.kind === "accept");
  return to.map((voter) => ({ kind: message.kind, by, voter, view: proposal.view }));
}

/** Two states of one key have the same futures. */
function keyOf({ acceptors, proposals, onWay, votes }: State): string {
  const ballotKey = (one: Ballot | undefined) => one === undefined ? "-" : `${one.round}${one.by}`;
  const parts = [
    ...Array.from(acceptors.values(), (one) => `${ballotKey(one.promised)}${ballotKey(one.accepted?.ballot)}`),
    ...proposals.map(({ phase, view, promises }) => {
      const heard = [...promises].map(([id, one]) => `${id}${ballotKey(one?.ballot)}`).sort();
      return `${phase[0]}${view.draft}${phase === "prepare" ? heard.join() : ""}`;
    }),
    onWay.map((message) => {
      const earlier = message.kind === "promise" ? ballotKey(message.accepted?.ballot) : "";
      return `${message.kind}${message.by}${message.voter}${earlier}`;
    }).sort().join(),
    [...votes].sort().join(),
  ];
  return parts.join(" ");
}

function ballot(round: number, by: string): Ballot {
  return { round, by: nodeId(by) };
}
