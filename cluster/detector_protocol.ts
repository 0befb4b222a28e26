/**
 * What failure detectors say to each other. Pure types.
 *
 * One idea: an alert is an opinion with a name under it. It counts only from a node whose turn it is to observe the
 * subject, so whoever carries it must say truly who sent it.
 *
 * @module
 */
import type { Epoch, NodeId } from "../core/ids.ts";

/** `down`: reached neither directly nor through others. `link`: only through others. `clear`: reached again. */
export type AlertKind = "down" | "link" | "clear";

/** A frame between two detectors. Numbers name probes, and mean something to the node that made them only. */
export type DetectorMessage =
  /** Answer me. `accused`: I hold you for down, so look to your own health. */
  | { readonly kind: "ping"; readonly seq: number; readonly accused: boolean }
  | { readonly kind: "pong"; readonly seq: number }
  /** Ping `target` for me: answer `pongForward` when it answers, `pingNack` when it does not. */
  | { readonly kind: "pingRequest"; readonly seq: number; readonly target: NodeId }
  | { readonly kind: "pongForward"; readonly seq: number }
  | { readonly kind: "pingNack"; readonly seq: number }
  /** To the leader and the voters, once a second while it is true. `epoch`: the view the sender judged under. */
  | { readonly kind: "alert"; readonly subject: NodeId; readonly alert: AlertKind; readonly epoch: Epoch };

/** An alert with its author: ours, or the node whose link brought it. What a cut is fed with. */
export interface AlertFrom {
  readonly kind: "alert";
  readonly subject: NodeId;
  readonly by: NodeId;
  readonly alert: AlertKind;
  readonly epoch: Epoch;
}

/** What a detector asks of its node. */
export type DetectorEffect =
  | { readonly kind: "send"; readonly to: NodeId; readonly message: DetectorMessage }
  /** For our own cut: one of ours, when we lead or vote, or one that a peer sent us. */
  | AlertFrom;
