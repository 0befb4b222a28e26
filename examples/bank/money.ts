/**
 * Money is a whole number of cents: sums of them are exact, sums of fractions are not. Pure.
 *
 * @module
 */

/** Cents one request may move: ten million in the main unit. */
export const AMOUNT_MAX = 1_000_000_000;
/** Cents one account may be filled up to: as many accounts as a bank lists (65,536) still add up exactly. */
export const BALANCE_MAX = 100_000_000_000;

/** Whether `value` is an amount to move: whole cents, `1` to {@link AMOUNT_MAX}. */
export function isAmount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 1 && value <= AMOUNT_MAX;
}

/** Cents as people read them: `1234567` is `12,345.67`. */
export function formatCents(cents: number): string {
  const text = Math.abs(cents).toString().padStart(3, "0");
  const whole = text.slice(0, -2).replace(/\B(?=(\d{3})+$)/g, ",");
  return `${cents < 0 ? "-" : ""}${whole}.${text.slice(-2)}`;
}
