/**
 * Much work, a little at a time. Pure but for the promises.
 *
 * @module
 */

/**
 * Calls `work` for every item, in order, with at most `limit` calls under way. Rejects with the first failure;
 * what is under way then ends by itself, and nothing more begins.
 */
export async function inParallel<Item>(
  items: Iterable<Item>,
  limit: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const iterator = items[Symbol.iterator]();
  let hasFailed = false;
  async function workOn(): Promise<void> {
    for (let next = iterator.next(); !next.done && !hasFailed; next = iterator.next()) {
      await work(next.value).catch((thrown) => {
        hasFailed = true;
        throw thrown;
      });
    }
  }
  await Promise.all(Array.from({ length: limit }, workOn));
}
