import { epoch } from "../../core/ids.ts";
import { claim, remove, get, P, PartitionNet } from "../cluster/partition_net.ts";
import { founded, following, ids } from "../cluster/view_values.ts";
import { active } from "../cluster/planned.ts";
const v1 = founded("a b c", { partitions: [active(1, ...ids("a b"))] });
const net = new PartitionNet(v1);
const v2 = following(v1, { partitions: [{ ...v1.partitions[0]!, next: { cfg: epoch(2), group: ids("a b c"), why: "grow" } }] });
// view 2 begins the transition; hold the seal messages so that a still owns cfg 1

net.request("b", "a", 7, [claim("k")], { epoch: 2, oldest: 7 });
net.deliver(); console.log("answer 7:", net.answer(7));
net.request("b", "a", 8, [remove("k", [1, 1])], { epoch: 2, oldest: 8 });
net.deliver(); console.log("answer 8:", net.answer(8));
net.install(v2); net.pass(1000);
const v3 = following(v2, { partitions: [{ cfg: epoch(2), group: ids("a b c"), next: undefined }] });
net.install(v3); net.pass(500);
console.log("owned", net.at("a").owned.get(P)?.cfg);
net.request("b", "a", 7, [claim("k")], { epoch: 2, oldest: 7 }); net.deliver();
console.log("late copy:", net.answer(7)); net.request("c", "a", 9, [get("k")]); net.deliver(); console.log("read", net.answer(9));
