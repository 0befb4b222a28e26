/**
 * Writes docs/SPLIT_BRAIN.md: its prose stands here, its tables are computed from the rules that decide.
 *
 * @module
 */
import { epoch, nodeId } from "../../core/ids.ts";
import { cutsOf, splitTable, survivors } from "../../cluster/split_table.ts";
import type { Member, QuorumRule } from "../../cluster/view.ts";

/** Where the page stands, from the root. */
export const SPLIT_BRAIN_PAGE = "docs/SPLIT_BRAIN.md";

const MEMBERS_MAX = 5;

const RULES_HEAD = ["Rule", "Who votes", "Needed", "Take it when", "Mind"];

const RULES: readonly (readonly string[])[] = [
  [
    "`seeds`",
    "the members at the configured addresses, one vote each",
    "more than half of the addresses",
    "three or five nodes have stable addresses: the usual choice for production",
    "votes don't move: with half of the seeds gone, the rest waits for them",
  ],
  [
    "`dynamic`",
    "the five oldest members, one vote each; of an even number the oldest has two",
    "more than half of the votes",
    "nodes come and go and none is special; for development",
    "with more than five nodes the larger side can be the one that freezes; set `minimumPeersQuorum` above half of all the nodes there will be",
  ],
  [
    "`oldest`",
    "all: the oldest has two votes less than there are members, but at least one; the others have one",
    "more than half of the votes",
    "the oldest node has what is costly to move, such as the singletons",
    "the oldest and one more go on, the many others freeze",
  ],
];

const INTRODUCTION = `# When the network splits

A network that no longer joins everybody leaves two or more sides, each of which can believe that the others are dead. If two of them went on, two nodes would run the same actor. This page says which side goes on. Its tables are computed by the code that decides ([cluster/voters.ts](../cluster/voters.ts)), and a test compares them with this page.

## One decision, not two

There is no resolver that watches the network and decides who shuts down. A cluster agrees on its members by _views_, and a view is chosen by _voters_: members with votes. A side that has the votes needed can choose the next view, and its voters grant the leases under which nodes run clustered actors. A side that hasn't can do neither. A view has one list of voters, the same for everybody, and more than half of the votes are needed; so at most one side goes on, whatever each side believes.

For the same reason nobody waits until the network is stable. A network that changes all the time delays the decision; it can't make two of them.

What decides is where the votes are, not how many nodes a side has.

## What happens to a side without the votes

It freezes. It doesn't die.

- When its leases end, by default 6 s after they were last renewed, its clustered actors stop running between two messages, and nothing of theirs leaves the node. What they hold stays in memory, and mailboxes keep taking messages up to their limits.
- The side that goes on waits until those leases have certainly ended, by its own clocks and with a margin. Only then does it remove the missing nodes and start their actors elsewhere.
- When the network is whole again, a frozen node that is still a member goes on where it stopped. One that was removed meanwhile learns of it, discards its clustered actors, which run elsewhere by now, and joins again under a new id.
- If no side has the votes, all of them freeze, and nothing is removed. As soon as sides that have the votes together meet again, all of it goes on.

A crash is a cut as well: the crashed nodes are a side that nobody hears of again. So the tables also say which crashes a cluster survives: it goes on if the nodes that are left are a side that goes on.

## Ask it yourself

\`\`\`ts
import { survivors } from "@troupe/troupe";

const nodes = ["a", "b", "c", "d"].map((id) => ({ id, address: \`\${id}:3320\` })); // the oldest first
survivors({ kind: "dynamic" }, nodes, [["a", "b"], ["c", "d"]]); // { survivor: 0, votes: [3, 2], need: 3 }
\`\`\`

That it is also what clusters do is simulated on every commit: every cut of up to five nodes, under every rule ([split_table.test.ts](../tests/simulation/split_table.test.ts)).

## How to choose a rule

${table(RULES_HEAD, RULES)}
With two members, \`oldest\` gives the oldest two votes.

- **After each view votes are given anew.** With \`dynamic\` and \`oldest\`, a cluster of five that loses one node after another, with time for a view between two losses, can get down to one, provided that of the last two it is the younger that goes. Losing as many at once is a cut like any other, and the tables apply. With \`seeds\` the need stays what it was.
- **A newcomer votes only after it has been seen alive as a member,** and those who voted before must always be able to decide without the newcomers. So for about a second after a join the voters are still the ones from before (\`troupe_voters\` says how many there are), and a cut in that second is judged by their votes, not by the tables of the larger cluster. If it falls into the very moment in which votes change hands, it may leave no side with enough of them: then all freeze until the network is whole.
- **Three zones or none.** Of two sites, one has more votes, and the other one can't go on without it. If losing any one site must be survived, put seeds into three.
- **An even number of seeds buys nothing.** Four seeds need three votes and survive the loss of one, just like three seeds; and a cut into two and two freezes both sides.

## The tables

Members are numbered by age: \`1\` is the oldest. All are up, each on a machine of its own. \`1 2 | 3\` is a cut with 1 and 2 on one side and 3 on the other. A cell names the side that goes on; **none** means that all sides freeze. With "3 seeds" the members 1, 2 and 3 are the seeds; where there are fewer members, the seeds that are missing are down. With "all seeds" every member is one.

For a cluster of another size or shape ask \`survivors(rule, members, sides)\` of [cluster/split_table.ts](../cluster/split_table.ts), or \`survivorOf(view, sides)\` for one that runs.
`;

/** The whole page. */
export function splitBrainPage(): string {
  const sections = Array.from({ length: MEMBERS_MAX }, (_, index) => section(index + 1));
  return [INTRODUCTION, ...sections].join("\n");
}

interface Column {
  readonly title: string;
  readonly ruleOf: (count: number) => QuorumRule;
}

const COLUMNS: readonly Column[] = [
  { title: "`dynamic`", ruleOf: () => ({ kind: "dynamic" }) },
  { title: "3 seeds", ruleOf: () => seeds(3) },
  { title: "all seeds", ruleOf: seeds },
  { title: "`oldest`", ruleOf: () => ({ kind: "oldest" }) },
];

function section(count: number): string {
  const all = Array.from({ length: count }, (_, index) => numbered(index + 1));
  const rules = COLUMNS.map(({ ruleOf }) => ruleOf(count));
  const rows = [1, 2, 3].flatMap((sideCount) => [...splitTable(all, rules, sideCount)]).map(({ sides, verdicts }) => [
    sides.map(sideText).join(" | "),
    ...verdicts.map(({ survivor }) => survivor === undefined ? "**none**" : sideText(sides[survivor] ?? [])),
  ]);
  // A bar would end the cell.
  const cells = rows.map(([cut = "", ...others]) => [`\`${cut.replaceAll("|", "\\|")}\``, ...others]);
  const title = count === 1 ? "### 1 member" : `### ${count} members`;
  return `${title}\n\n${survivedText(count)}\n\n${table(["Cut", ...COLUMNS.map(({ title }) => title)], cells)}`;
}

/** How many members, whichever they are, may crash at once. */
function survivedText(count: number): string {
  const said = COLUMNS.map(({ title, ruleOf }) => `${title} ${crashesSurvived(ruleOf(count), count)}`);
  return `Members that may crash at once, whichever they are: ${said.join(", ")}.`;
}

function crashesSurvived(rule: QuorumRule, count: number): string {
  const all = Array.from({ length: count }, (_, index) => numbered(index + 1));
  const ids = all.map(({ id }) => id);
  if (survivors(rule, all, [ids]).survivor === undefined) return "doesn't go on at all";
  for (let crashed = 1; crashed < count; crashed++) {
    const cuts = [...cutsOf(ids, 2)].flatMap(([one = [], other = []]) => [one, other]);
    const left = cuts.filter((side) => side.length === count - crashed);
    if (left.some((side) => survivors(rule, all, [side]).survivor === undefined)) return `${crashed - 1}`;
  }
  return `${count - 1}`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((cell, column) => Math.max(...[head, ...rows].map((row) => (row[column] ?? cell).length), 3));
  const line = (cells: readonly string[]) => `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line), ""].join("\n");
}

function sideText(ids: readonly string[]): string {
  return ids.join(" ");
}

function seeds(count: number): QuorumRule {
  return { kind: "seeds", seeds: Array.from({ length: count }, (_, index) => numbered(index + 1).address) };
}

function numbered(number: number): Member {
  return {
    id: nodeId(`${number}`),
    address: `node-${number}:4000`,
    zone: "",
    roles: [],
    kinds: [],
    joinEpoch: epoch(1),
    status: "up",
    capacity: 1,
  };
}
