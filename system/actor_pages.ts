/**
 * Lists of actors that are had page by page, in the order of their keys. Pure but for whoever gives the pages.
 *
 * Invariant: at any moment one page is held, however many actors there are.
 *
 * @module
 */
import type { ActorKey } from "../core/ids.ts";

/** Actors one page holds. */
export const PAGE_ACTORS = 512;

/** One actor of a list. */
export interface ListedActor {
  readonly kind: string;
  readonly key: ActorKey;
}

/** A page: up to so many actors whose keys come behind `after`. */
export type ActorPage = (after: ActorKey | undefined, count: number) => Promise<readonly ListedActor[]>;

/** All that `pageBehind` gives, as it is asked for. */
export async function* paged(pageBehind: ActorPage): AsyncGenerator<ListedActor> {
  for (let after: ActorKey | undefined = undefined;;) {
    const page: readonly ListedActor[] = await pageBehind(after, PAGE_ACTORS);
    yield* page;
    if (page.length < PAGE_ACTORS) return;
    after = page.at(-1)?.key;
  }
}
