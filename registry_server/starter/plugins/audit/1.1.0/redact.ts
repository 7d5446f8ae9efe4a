const SENSITIVE =
  /pass(word|phrase|wd)|secret|token|api[-_]?key|authorization|cookie|private[-_]?key|credit[-_]?card|cvc|ssn/i;
const MAX_DEPTH = 8;

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/**
 * A copy that can be written down: values under keys that look sensitive are replaced, and what JSON
 * cannot hold becomes text. The original is not touched.
 */
export function redact(value: unknown, depth = 0): Json {
  if (value === null || value === undefined) return null;
  if (typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
  if (typeof value !== "object") return String(value);
  if (depth >= MAX_DEPTH) return "[too deep]";
  if (Array.isArray(value)) return value.map((item) => redact(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key,
      SENSITIVE.test(key) ? "[redacted]" : redact(item, depth + 1),
    ]),
  );
}
