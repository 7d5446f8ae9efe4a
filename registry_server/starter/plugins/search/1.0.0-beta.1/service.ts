import type { Kysely } from "kysely";
import { rank, type Match } from "./rank";
import type { DB } from "./schema";
import { snippet, type Piece } from "./snippet";
import { countTerms, termsOf } from "./terms";

export interface SearchDocument {
  /** Your own id, unique over all collections: `page:42`. */
  id: string;
  /** What kind of record it is: `pages`. */
  collection: string;
  title: string;
  body: string;
}

export interface SearchHit {
  id: string;
  collection: string;
  title: string;
  /** The text around the first word that was found. */
  snippet: Piece[];
  score: number;
}

export interface SearchOptions {
  collection?: string;
  limit?: number;
  /** Whether the last word may still be unfinished; yes unless told. */
  prefix?: boolean;
}

export interface SearchService {
  /** Adds a record, or replaces the one of this id. */
  put(document: SearchDocument): Promise<void>;
  remove(id: string): Promise<void>;
  /** Records that have every word, best first; 20 unless told, at most 100. */
  find(text: string, options?: SearchOptions): Promise<SearchHit[]>;
}

/** A word in the title counts as much as this many in the text. */
const TITLE_WEIGHT = 4;
const ROWS_PER_INSERT = 200;
const MAX_WORDS = 16;
/** Sorts behind every term that begins with the same letters. */
const LAST = "\u{10ffff}";

export function createSearchService(db: Kysely<DB>): SearchService {
  async function deleteFrom(transaction: Kysely<DB>, id: string): Promise<void> {
    await transaction.deleteFrom("search_terms").where("document_id", "=", id).execute();
    await transaction.deleteFrom("search_documents").where("id", "=", id).execute();
  }

  async function matchesOf(word: string, isPrefix: boolean, collection?: string): Promise<Match[]> {
    let query = db
      .selectFrom("search_terms")
      .innerJoin("search_documents", "search_documents.id", "search_terms.document_id")
      .select(["document_id", "term", "weight", "length"])
      .where("term", ">=", word)
      .where("term", isPrefix ? "<" : "<=", isPrefix ? word + LAST : word);
    if (collection !== undefined) query = query.where("collection", "=", collection);
    const rows = await query.execute();
    return rows.map(({ term, ...row }) => ({ ...row, word, exact: term === word }));
  }

  async function sizeOf(collection?: string) {
    let query = db
      .selectFrom("search_documents")
      .select((eb) => [eb.fn.countAll().as("documents"), eb.fn.avg("length").as("averageLength")]);
    if (collection !== undefined) query = query.where("collection", "=", collection);
    const { documents, averageLength } = await query.executeTakeFirstOrThrow();
    return { documents: Number(documents), averageLength: Number(averageLength ?? 0) };
  }

  return {
    async put(document) {
      const { id, collection, title, body } = document;
      const titleTerms = termsOf(title);
      const terms = [...termsOf(body), ...Array<string[]>(TITLE_WEIGHT).fill(titleTerms).flat()];
      const rows = [...countTerms(terms)].map(([term, weight]) => ({ term, document_id: id, weight }));
      await db.transaction().execute(async (transaction) => {
        await deleteFrom(transaction, id);
        await transaction
          .insertInto("search_documents")
          .values({ id, collection, title, body, length: terms.length })
          .execute();
        for (let start = 0; start < rows.length; start += ROWS_PER_INSERT) {
          const batch = rows.slice(start, start + ROWS_PER_INSERT);
          await transaction.insertInto("search_terms").values(batch).execute();
        }
      });
    },

    async remove(id) {
      await db.transaction().execute((transaction) => deleteFrom(transaction, id));
    },

    async find(text, { collection, limit = 20, prefix = true } = {}) {
      const entered = termsOf(text);
      const unfinished = prefix && !/[^\p{L}\p{M}\p{N}]$/u.test(text) ? entered.at(-1) : undefined;
      const words = [...new Set(entered)].slice(0, MAX_WORDS);
      if (words.length === 0) return [];
      const matches = await Promise.all(
        words.map((word) => matchesOf(word, word === unfinished, collection)),
      );

      const idsOf = (found: Match[]) => new Set(found.map((match) => match.document_id));
      const complete = matches.map(idsOf).reduce((all, ids) => all.intersection(ids));
      const counted = matches.flat().filter((match) => complete.has(match.document_id));
      const ranked = rank(counted, await sizeOf(collection)).slice(0, Math.min(Math.max(limit, 1), 100));
      if (ranked.length === 0) return [];

      const ids = ranked.map(([id]) => id);
      const rows = await db.selectFrom("search_documents").selectAll().where("id", "in", ids).execute();
      const byId = new Map(rows.map((row) => [row.id, row]));
      return ranked.flatMap(([id, score]) => {
        const row = byId.get(id);
        if (row === undefined) return [];
        return [
          { id, collection: row.collection, title: row.title, snippet: snippet(row.body, words), score },
        ];
      });
    },
  };
}
