/**
 * A host that keeps an eye on its cells: it notes how often each ask was answered, and every event. The cells cannot
 * tell it from the real one, for it is the real one.
 *
 * @module
 */
import type { AskHeader } from "../../core/envelope.ts";
import type { ActorError } from "../../core/failure.ts";
import { PartitionHost } from "../../workers/partition_host.ts";

/** A host that counts answers. */
export class WatchedHost extends PartitionHost {
  /** How often each ask that cells of this thread took was answered. */
  readonly answers: Map<AskHeader, number> = new Map();

  override reply(ask: AskHeader, value: unknown): void {
    this.#answered(ask);
    super.reply(ask, value);
  }

  override refuse(ask: AskHeader, error: ActorError): void {
    this.#answered(ask);
    super.refuse(ask, error);
  }

  /** Asks that were answered more than once. */
  get answeredTwice(): number {
    return [...this.answers.values()].filter((count) => count > 1).length;
  }

  #answered(ask: AskHeader): void {
    this.answers.set(ask, (this.answers.get(ask) ?? 0) + 1);
  }
}
