/**
 * Opens any provider and holds it to the contract: limits, one sort of error, a clean list. Touches promises and timers.
 *
 * One idea: a provider may be anybody's, so it is believed in nothing. What it promises about time, errors, repetition
 * and form is made true here, once, for the ones in this folder too; what is left to a provider is to find addresses.
 *
 * Invariant: whatever the provider does, each call settles by its deadline, and what `find` gives is a list of addresses,
 * each once, sorted.
 *
 * @module
 */
import { OptionsCheck } from "../core/options_check.ts";
import type { Log } from "../core/ports.ts";
import { ADDRESS_FORM, ADDRESSES_MAX, listOf, parseAddress } from "./address.ts";
import type { Discovery, DiscoveryContext, DiscoveryProvider, Wait } from "./provider.ts";
import { bounded, discoveryFailed, type Outside, platformOutside, reasonOf } from "./waiting.ts";

/** Finds that a provider may have left unfinished, timed out ones too. At the limit: `discovery-failed`. */
export const FINDS_MAX = 16;
/** Milliseconds for letting go of what a provider opened after its deadline. */
const LATE_CLOSE_MS = 5_000;

/** A provider that is open, and keeps the contract. */
export interface OpenDiscovery extends Discovery {
  /** The provider's own counts, and `finds`, `failures` (finds that failed), `malformed` (entries that were no addresses). */
  counts(): Readonly<Record<string, number>>;
}

/**
 * Adds what is wrong with the option `name` to `check`: it is no provider, or one with problems of its own.
 */
export function checkDiscovery(check: OptionsCheck, name: string, value: unknown): void {
  if (!isProvider(value)) return check.problem(name, value, "a provider, such as staticDiscovery({ addresses })");
  if (value.check instanceof OptionsCheck) check.include(value.check);
}

/**
 * Opens `provider`. The only way to: a provider alone promises nothing.
 *
 * @throws {ActorError} Not delivered: `invalid-options` when its check has problems, else `discovery-failed` within
 * `context.wait`. Safe to repeat; what it opens after that is closed again.
 */
export function openDiscovery(provider: DiscoveryProvider, context: DiscoveryContext): Promise<OpenDiscovery> {
  return openDiscoveryWith(provider, context, platformOutside);
}

/** As {@link openDiscovery}, with the clock and the timers of `outside`. */
export async function openDiscoveryWith(
  provider: DiscoveryProvider,
  given: DiscoveryContext,
  outside: Outside,
): Promise<OpenDiscovery> {
  const context = { ...given, log: tameLog(given.log) };
  const what = `open discovery by ${provider.kind}`;
  if (provider.check instanceof OptionsCheck) provider.check.throwIfAny(what);
  if (parseAddress(context.self) === undefined) {
    throw discoveryFailed(what, `this node's own address ${JSON.stringify(context.self)} is not ${ADDRESS_FORM}`);
  }
  const { timeoutMs, signal } = context.wait;
  const close = (late: Discovery): void =>
    void new HeldDiscovery(late, provider.kind, context, outside).close(LATE_CLOSE_MS);
  const bound = { what, timeoutMs, signals: [signal], outside, late: close };
  const raw = await bounded(bound, async (wait) => {
    const discovery: unknown = await provider.open({ ...context, wait });
    if (isDiscovery(discovery)) return discovery;
    throw discoveryFailed(what, "the provider gave no object with find() and close()");
  });
  return new HeldDiscovery(raw, provider.kind, context, outside);
}

class HeldDiscovery implements OpenDiscovery {
  readonly #raw: Discovery;
  readonly #kind: string;
  readonly #context: DiscoveryContext;
  readonly #outside: Outside;
  readonly #end = new AbortController();
  #closing: Promise<void> | undefined;
  #unfinished = 0;
  #finds = 0;
  #failures = 0;
  #malformed = 0;

  constructor(raw: Discovery, kind: string, context: DiscoveryContext, outside: Outside) {
    this.#raw = raw;
    this.#kind = kind;
    this.#context = context;
    this.#outside = outside;
  }

  async find({ timeoutMs, signal }: Wait): Promise<readonly string[]> {
    const what = `find nodes by ${this.#kind}`;
    const bound = { what, timeoutMs, signals: [this.#end.signal, signal], outside: this.#outside };
    this.#finds++;
    try {
      return this.#listOf(what, await bounded(bound, (wait) => this.#findRaw(what, wait)));
    } catch (thrown) {
      this.#failures++;
      throw thrown;
    }
  }

  async close(timeoutMs: number): Promise<void> {
    const what = `close discovery by ${this.#kind}`;
    this.#end.abort(discoveryFailed(`find nodes by ${this.#kind}`, "discovery is closed"));
    const closing = this.#closing ??= this.#closeRaw(timeoutMs);
    try {
      await bounded({ what, timeoutMs, signals: [], outside: this.#outside }, () => closing);
    } catch (thrown) {
      this.#context.log.warn("discovery is let go of without an answer", {
        kind: this.#kind,
        reason: reasonOf(thrown),
      });
    }
  }

  counts(): Readonly<Record<string, number>> {
    const { malformed = 0, ...others } = countsOf(this.#raw);
    return { ...others, finds: this.#finds, failures: this.#failures, malformed: this.#malformed + malformed };
  }

  /** Counted until the provider has settled, which may be long after whoever asked has gone. */
  async #findRaw(what: string, wait: Wait): Promise<unknown> {
    if (this.#unfinished >= FINDS_MAX) throw discoveryFailed(what, `${FINDS_MAX} finds are unfinished`);
    this.#unfinished++;
    try {
      return await this.#raw.find(wait);
    } finally {
      this.#unfinished--;
    }
  }

  async #closeRaw(timeoutMs: number): Promise<void> {
    await this.#raw.close(timeoutMs);
  }

  #listOf(what: string, raw: unknown): readonly string[] {
    if (!Array.isArray(raw)) throw discoveryFailed(what, "the provider gave no list");
    if (raw.length > ADDRESSES_MAX) {
      throw discoveryFailed(what, `there are ${raw.length} addresses, and at most ${ADDRESSES_MAX} are taken`);
    }
    const { addresses, malformed } = listOf(raw, this.#context.self);
    if (malformed > 0 && this.#malformed === 0) {
      this.#context.log.warn("discovery gave entries that are no addresses", { kind: this.#kind, malformed });
    }
    this.#malformed += malformed;
    return addresses;
  }
}

/** A log that doesn't throw into whoever logs: that may be a connection, which would not outlive it. */
function tameLog(log: Log): Log {
  const tame = (say: Log["warn"]): Log["warn"] => (message, fields) => {
    try {
      say(message, fields);
    } catch {
      // There is nobody to tell.
    }
  };
  return {
    debug: tame((message, fields) => log.debug(message, fields)),
    info: tame((message, fields) => log.info(message, fields)),
    warn: tame((message, fields) => log.warn(message, fields)),
    error: tame((message, fields) => log.error(message, fields)),
  };
}

/** What a provider says it has counted. The counters of the system don't fail because of it. */
function countsOf(discovery: Discovery): Readonly<Record<string, number>> {
  try {
    return Object.fromEntries(Object.entries(discovery.counts?.() ?? {}).filter(([, count]) => Number.isFinite(count)));
  } catch {
    return {};
  }
}

function isProvider(value: unknown): value is DiscoveryProvider {
  return hasMethods(value, ["open"]) && "kind" in value && typeof value.kind === "string";
}

function isDiscovery(value: unknown): value is Discovery {
  return hasMethods(value, ["find", "close"]);
}

function hasMethods(value: unknown, names: readonly string[]): value is object {
  if (typeof value !== "object" || value === null) return false;
  return names.every((name) => typeof Reflect.get(value, name) === "function");
}
