export interface Match {
  /** Word of the search that was matched; several terms can match one word. */
  word: string;
  /** Whether the term is the word itself, and not only begins with it. */
  exact: boolean;
  document_id: string;
  weight: number;
  length: number;
}

export interface Collection {
  documents: number;
  averageLength: number;
}

/** How soon more of the same word stops to matter. */
const K1 = 1.2;
/** How much a long record has to make up for being long. */
const B = 0.75;
/** What the beginning of a word is worth beside the word itself. */
const PREFIX_FACTOR = 0.6;

/** Documents with their scores, best first, by Okapi BM25. */
export function rank(matches: readonly Match[], collection: Collection): [id: string, score: number][] {
  const documentsWith = new Map<string, Set<string>>();
  for (const { word, document_id } of matches) {
    const known = documentsWith.get(word);
    if (known === undefined) documentsWith.set(word, new Set([document_id]));
    else known.add(document_id);
  }
  const best = new Map<string, Map<string, number>>();
  for (const match of matches) {
    const score = scoreOf(match, documentsWith.get(match.word)?.size ?? 1, collection);
    const byWord = best.get(match.document_id) ?? new Map<string, number>();
    // Of several terms that begin with a word, the best one counts.
    byWord.set(match.word, Math.max(byWord.get(match.word) ?? 0, score));
    best.set(match.document_id, byWord);
  }
  return [...best]
    .map(([id, byWord]): [string, number] => [
      id,
      [...byWord.values()].reduce((sum, score) => sum + score, 0),
    ])
    .sort(([idA, a], [idB, b]) => b - a || (idA < idB ? -1 : 1));
}

function scoreOf({ exact, weight, length }: Match, found: number, collection: Collection): number {
  const { documents, averageLength } = collection;
  const rarity = Math.log(1 + (documents - found + 0.5) / (found + 0.5));
  const norm = K1 * (1 - B + (B * length) / Math.max(averageLength, 1));
  return ((rarity * weight * (K1 + 1)) / (weight + norm)) * (exact ? 1 : PREFIX_FACTOR);
}
