import { epoch } from "../../core/ids.ts";
import { claim, P, PartitionNet } from "../cluster/partition_net.ts";
import { founded } from "../cluster/view_values.ts";
const view = founded("a b c");
// S1: an old whole copy, delivered again late, takes an acknowledged backup back
{
  const net = new PartitionNet(view);
  for (let n = 1; n <= 4; n++) net.request("b", "a", n, [claim(`k${n}`)]);
  net.deliver();
  const entries = [...net.copy("a").entries.values()];
  const sync = (index: number) => ({ kind: "sync", partition: P, cfg: epoch(1), snapshot: 4, index, count: 2, entries: entries.slice(2 * index, 2 * index + 2) }) as const;
  net.hear("a", "c", sync(0)); // late copy
  net.request("b", "a", 5, [claim("k5")]);
  net.deliver(({ to }) => to !== "b"); // acked by a + c only
  console.log("answer 5", net.answer(5), "c.seq", net.copy("c").seq, "b.seq", net.copy("b").seq);
  net.hear("a", "c", sync(1));
  console.log("after late chunk: c.seq", net.copy("c").seq);
}
{
  const net = new PartitionNet(view);
  for (let n = 1; n <= 4; n++) net.request("b", "a", n, [claim(`k${n}`)]);
  net.deliver();
  const entries = [...net.copy("a").entries.values()];
  // newer whole copy of several chunks begins, an old one of one chunk comes late
  net.hear("a", "c", { kind: "sync", partition: P, cfg: epoch(1), snapshot: 9, index: 0, count: 3, entries: entries.slice(0, 2) });
  net.hear("a", "c", { kind: "sync", partition: P, cfg: epoch(1), snapshot: 1, index: 0, count: 1, entries: entries.slice(0, 1) });
  console.log("S1b c.seq", net.copy("c").seq);
}
