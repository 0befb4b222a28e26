/**
 * Counts what becomes of links and their frames, and tells the log what its reader can mend. Mutable, for one owner.
 *
 * The invariant: a peer that dials as often as it can fills the counters, and not the log.
 *
 * @module
 */
import type { Log } from "../core/ports.ts";
import type { Link, LinkEnd } from "./link.ts";
import type { LinkRefusal, RefusalCode } from "./link_refusal.ts";
import type { Row } from "./link_table.ts";
import type { LinkCounters, LinkReport } from "./links_options.ts";

/** Milliseconds between two warnings of one code. */
const WARN_EVERY_MS = 10_000;

/** What happens all the time, and what `events.refused` is enough for. */
const ORDINARY: readonly RefusalCode[] = ["unreachable", "self", "duplicate", "closing", "another-node", "no-node"];

/** The numbers behind `Links.counters`. */
export class LinkCounts {
  /** Frames for which there was no link. */
  unlinkedFrames = 0;

  readonly #log: Log;
  readonly #refused = new Map<string, number>();
  readonly #ended = new Map<string, number>();
  readonly #warnedMs = new Map<RefusalCode, number>();
  #lostFrames = 0;
  #refusedFrames = 0;

  /** Nothing has happened yet. */
  constructor(log: Log) {
    this.#log = log;
  }

  /** A link has ended; its queue is emptied and counted. */
  ended(link: Link, { reason }: LinkEnd, wasAnnounced: boolean): void {
    this.#refusedFrames += link.queue.refusedFrames;
    this.#lostFrames += link.queue.clear();
    if (wasAnnounced) add(this.#ended, reason ?? "network");
    else if (reason === "duplicate" || reason === "closing") add(this.#refused, reason);
  }

  /** A link did not begin. */
  refused(refusal: LinkRefusal, nowMs: number): void {
    const { code } = refusal;
    add(this.#refused, code);
    const warnedMs = this.#warnedMs.get(code) ?? -Infinity;
    if (ORDINARY.includes(code) || nowMs - warnedMs < WARN_EVERY_MS) return this.#log.debug("no link", { ...refusal });
    this.#warnedMs.set(code, nowMs);
    this.#log.warn("no link", { ...refusal });
  }

  /** The numbers now. `links` are those that have not ended. */
  counters(links: readonly Link[], lostGreetings: number): LinkCounters {
    return {
      refused: Object.fromEntries(this.#refused),
      ended: Object.fromEntries(this.#ended),
      lostFrames: this.#lostFrames,
      refusedFrames: links.reduce((sum, { queue }) => sum + queue.refusedFrames, this.#refusedFrames),
      unlinkedFrames: this.unlinkedFrames,
      lostGreetings,
    };
  }
}

/** What a link holds and has carried. */
export function reportOf({ link, peer, lane, generation }: Row<Link>): LinkReport {
  return {
    peer,
    address: link.peer?.address ?? "",
    lane,
    generation,
    dialedBy: link.dialed === undefined ? "them" : "us",
    queuedFrames: link.queue.size,
    queuedBytes: link.queue.bytes,
    refusedFrames: link.queue.refusedFrames,
    ...link.traffic,
  };
}

function add(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}
