export interface Posting {
  document_id: string;
  term: string;
  weight: number;
}

/** Documents with their scores, best first: words that few documents have count for more. */
export function rank(postings: readonly Posting[], documentCount: number): [id: string, score: number][] {
  const documentsWith = new Map<string, number>();
  for (const { term } of postings) documentsWith.set(term, (documentsWith.get(term) ?? 0) + 1);
  const scores = new Map<string, number>();
  for (const { document_id, term, weight } of postings) {
    const rarity = Math.log(1 + documentCount / (documentsWith.get(term) ?? 1));
    const score = (1 + Math.log(weight)) * rarity;
    scores.set(document_id, (scores.get(document_id) ?? 0) + score);
  }
  return [...scores].sort(([idA, a], [idB, b]) => b - a || (idA < idB ? -1 : 1));
}
