/**
 * Samples of messages with the header that a core would listen to. Plain data.
 *
 * @module
 */
import { type ClusterCore, type Frame, viewOf } from "../../cluster/cluster_core.ts";
import { firstView, nextView } from "../../cluster/next_view.ts";
import { ALL_RULES } from "../../cluster/rules.ts";
import type { View } from "../../cluster/view.ts";
import { epoch } from "../../core/ids.ts";
import { SAMPLE_FRAMES } from "./frame_samples.ts";

/** Partitions of the world, and of the samples. */
export const PARTITIONS = 3;

/** All samples: as sent by somebody of the core's cluster, or as they are. */
export function frameSamples(core: ClusterCore, isOfCluster: boolean): readonly Frame[] {
  const view = viewOf(core);
  if (!isOfCluster || view === undefined) return [...SAMPLE_FRAMES, ...foundingOf(core)];
  const header = { clusterId: view.clusterId, epoch: view.epoch };
  const next = likelyNext(view);
  const about: readonly Frame[] = next.flatMap((one): readonly Frame[] => {
    const ballot = { round: 4, by: one.members[0]?.id ?? core.options.self.id };
    return [
      { ...header, part: "engine", message: { kind: "commit", view: one } },
      { ...header, part: "engine", message: { kind: "accept", epoch: one.epoch, ballot, view: one } },
      {
        ...header,
        part: "engine",
        message: { kind: "promise", epoch: one.epoch, ballot, accepted: { ballot, view: one } },
      },
    ];
  });
  return [...SAMPLE_FRAMES.map((frame) => ({ ...frame, ...header })), ...about];
}

/** The view after a view: with one member less, with other places, with the same. */
function likelyNext(view: View): readonly View[] {
  const { members, partitions } = view;
  const number = epoch(view.epoch + 1);
  const moved = partitions.map((place, index) => {
    const [member] = members.slice(index % Math.max(1, members.length));
    if (member === undefined) return place;
    return { ...place, next: { cfg: number, group: [member.id], why: "move" as const } };
  });
  const activated = partitions.map(({ cfg, group, next }) => ({
    cfg: next?.cfg ?? cfg,
    group: next?.group ?? group,
    next: undefined,
  }));
  return [
    { members, partitions: moved },
    { members, partitions: activated },
    { members: members.slice(1), partitions: moved },
    { members: members.slice(0, -1), partitions: moved },
    { members: members.map((member) => ({ ...member, status: "leaving" as const })), partitions },
  ].map((draft, index) => nextView(view, draft, `guess/${index}`, () => index % 2 === 0, ALL_RULES));
}

/** What a founder of a cluster with this node alone might say. */
function foundingOf(core: ClusterCore): readonly Frame[] {
  const { self, settings } = core.options;
  const partitions = Array.from({ length: PARTITIONS }, () => ({ cfg: epoch(1), group: [self.id], next: undefined }));
  const view = firstView("fuzz-b-1", settings.rule, [self], partitions);
  const header = { clusterId: "", epoch: epoch(0), part: "engine" } as const;
  return [
    { ...header, message: { kind: "found", view } },
    { ...header, message: { kind: "founderAccepts", clusterId: "fuzz-a-1", quietMs: 9_000 } },
    { ...header, message: { kind: "founderRefuses", clusterId: "fuzz-a-1" } },
    { ...header, message: { kind: "founderGivesUp", clusterId: "fuzz-a-1" } },
    { ...header, clusterId: view.clusterId, message: { kind: "commit", view } },
  ];
}
