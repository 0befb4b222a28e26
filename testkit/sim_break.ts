/**
 * How connections of a simulated network end: what still arrives, and when the other end knows. Pure.
 *
 * One idea: only the end that breaks a connection knows at once. The other reads on for a while, and may send into it
 * all that time: this is where frames of an older connection come after those of a newer one.
 *
 * Invariant: times depend on the seed, the pair, the lane and the generation, and on nothing else that was drawn.
 *
 * @module
 */
import { type KeyedRandom, PURPOSE, type Purpose, scaled } from "./keyed_random.ts";
import { type Connection, otherSide, type Side } from "./sim_link.ts";

/** How a connection ends: all in flight still arrives; some of it does; or the other end only finds out by waiting. */
export type BreakManner = "flush" | "tail" | "silent";

const US_PER_MS = 1_000;
/** Resets are noticed soon, or late: half of them within 2 ms, a quarter within 0.2 s, a quarter within 7 s. */
const TAIL_US_MAX: readonly number[] = [2_000, 2_000, 200_000, 7_000_000];

/** When an end that hears nothing gives a connection up: after a quarter of the limit to all of it. Microseconds. */
export function patienceUs<F>(
  connection: Connection<F>,
  side: Side,
  linkTimeoutMs: number,
  random: KeyedRandom,
): number {
  const { ends } = connection.link;
  const isLower = ends[side].key < ends[otherSide(side)].key;
  const draw = drawOf(PURPOSE.linkTimeout, connection, isLower ? 0 : 1, random);
  return (Math.floor(linkTimeoutMs / 4) + scaled(draw, Math.ceil(linkTimeoutMs * 3 / 4) + 1)) * US_PER_MS;
}

/** How long the other end of a connection still reads what was in flight. Microseconds. */
export function tailUs<F>(connection: Connection<F>, random: KeyedRandom): number {
  const most = TAIL_US_MAX[drawOf(PURPOSE.breakTail, connection, 0, random) & 3] ?? 0;
  return scaled(drawOf(PURPOSE.breakTail, connection, 1, random), most);
}

/** The draw for how long the news of an end is under way. */
export function partingDraw<F>(connection: Connection<F>, random: KeyedRandom): number {
  return drawOf(PURPOSE.breakTail, connection, 2, random);
}

function drawOf<F>(purpose: Purpose, connection: Connection<F>, part: number, random: KeyedRandom): number {
  const { link, generation } = connection;
  const [one, other] = link.ends[0].key < link.ends[1].key ? link.ends : [link.ends[1], link.ends[0]];
  return random.u32(purpose, one.key * 2 + (link.lane === "control" ? 0 : 1), other.key, generation * 4 + part);
}
