/**
 * What became of an ask, to be looked at without waiting for it.
 *
 * @module
 */
import { ActorError } from "../../core/failure.ts";

/** An ask and its outcome so far. */
export class Asked {
  /** `pending`, `ok`, or the code of its failure; what is no `ActorError` shows as `not an ActorError`. */
  state = "pending";
  /** The reply. */
  value: unknown = undefined;
  /** The failure. */
  error: ActorError | undefined = undefined;

  constructor(promise: PromiseLike<unknown>) {
    promise.then((value) => {
      this.state = "ok";
      this.value = value;
    }, (thrown: unknown) => {
      this.error = thrown instanceof ActorError ? thrown : undefined;
      this.state = this.error?.code ?? `not an ActorError: ${String(thrown)}`;
    });
  }

  /** The reply, or `code/fate` of the failure, in one word for comparisons. */
  get outcome(): unknown {
    if (this.state === "pending") return "pending";
    return this.error === undefined ? this.value : `${this.error.code}/${this.error.fate}`;
  }
}

/** Looks at `promise` from now on. Its rejection counts as handled. */
export function asked(promise: PromiseLike<unknown>): Asked {
  return new Asked(promise);
}
