/**
 * Where a ref of this thread points. Mutable: remembers the cell while it lives here.
 *
 * @module
 */
import type { ActorKey, ThreadIndex } from "../core/ids.ts";
import type { AnyKind } from "../core/kind.ts";
import type { Courier, Target } from "../core/ref.ts";

/** A {@link Target} that is not a cell. */
export class RefTarget implements Target {
  readonly courier: Courier;
  readonly kind: AnyKind;
  readonly key: ActorKey;
  readonly thread: ThreadIndex;
  cell: object | undefined;

  constructor(courier: Courier, kind: AnyKind, key: ActorKey, thread: ThreadIndex, cell: object | undefined) {
    this.courier = courier;
    this.kind = kind;
    this.key = key;
    this.thread = thread;
    this.cell = cell;
  }
}
