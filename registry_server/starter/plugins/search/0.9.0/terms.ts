const WORD = /[\p{L}\p{N}]+/gu;
const MARKS = /\p{M}/gu;
const MAX_LENGTH = 64;

/** The words of a text as they are compared: without case and accents, `Café` as `cafe`. */
export function termsOf(text: string): string[] {
  const plain = text.normalize("NFKD").replace(MARKS, "").toLowerCase();
  return (plain.match(WORD) ?? []).map((word) => word.slice(0, MAX_LENGTH));
}

export function countTerms(terms: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const term of terms) counts.set(term, (counts.get(term) ?? 0) + 1);
  return counts;
}
