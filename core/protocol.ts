/**
 * The types that turn a handler map into what its callers see. No code is generated: a handler's own
 * signature, without its context, is the protocol. Pure types.
 *
 * @module
 */

/** What callers may send to an actor: handler name → arguments and reply. */
export type Protocol = { readonly [handler: string]: (...args: never[]) => unknown };

/** A protocol nobody has declared: any handler name, checked when it is sent. */
export type AnyProtocol = { readonly [handler: string]: (...args: readonly unknown[]) => unknown };

/** The protocol of a handler map: each handler without its context. */
export type ProtocolOf<Handlers> = {
  readonly [Name in keyof Handlers]: Handlers[Name] extends (ctx: never, ...args: infer Args) => infer Reply
    ? (...args: Args) => Reply
    : never;
};

/**
 * `ref.tell.x(…)`: at most once; `true` when the first bounded queue on the way took the message, `false`
 * when it refused. A refusal further on is a dead letter at the receiver. Never throws for a full queue;
 * throws `value-cannot-travel` when an argument cannot leave the thread.
 */
export type Tell<P> = {
  readonly [Name in keyof P]: P[Name] extends (...args: infer Args) => unknown ? (...args: Args) => boolean : never;
};

/**
 * `ref.ask.x(…)`: resolves with the handler's reply, or rejects with one `ActorError` whose fate says what
 * happened to the message. Ends exactly once, at the latest at its deadline.
 */
export type Ask<P> = {
  readonly [Name in keyof P]: P[Name] extends (...args: infer Args) => infer Reply
    ? (...args: Args) => Promise<Awaited<Reply>>
    : never;
};

/**
 * `ref.tellAll.x([[…], […]])`: one tell after another; the number taken. It stops at the first refusal, so
 * what was taken is always the front of the list.
 */
export type TellAll<P> = {
  readonly [Name in keyof P]: P[Name] extends (...args: infer Args) => unknown ? (calls: readonly Args[]) => number
    : never;
};

/** `ref.askAll.x([[…], […]])`: all asks at once; the outcomes in the order of the calls. Never rejects. */
export type AskAll<P> = {
  readonly [Name in keyof P]: P[Name] extends (...args: infer Args) => infer Reply
    ? (calls: readonly Args[]) => Promise<PromiseSettledResult<Awaited<Reply>>[]>
    : never;
};
