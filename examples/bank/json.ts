/**
 * What came as JSON and may be anything, looked at a field at a time. Pure.
 *
 * @module
 */

/** The fields of an object; none of whatever else there is. */
export function fieldsOf(raw: unknown): Readonly<Record<string, unknown>> {
  return typeof raw === "object" && raw !== null ? { ...raw } : {};
}

/** `text` as a value; `undefined` when it is no JSON. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
