import type { Kysely } from "kysely";
import { rank } from "./rank";
import type { DB } from "./schema";
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
  score: number;
}

export interface SearchOptions {
  collection?: string;
  limit?: number;
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

export function createSearchService(db: Kysely<DB>): SearchService {
  async function deleteFrom(transaction: Kysely<DB>, id: string): Promise<void> {
    await transaction.deleteFrom("search_terms").where("document_id", "=", id).execute();
    await transaction.deleteFrom("search_documents").where("id", "=", id).execute();
  }

  return {
    async put(document) {
      const { id, collection, title, body } = document;
      const titleTerms = termsOf(title);
      const counts = countTerms([...termsOf(body), ...Array(TITLE_WEIGHT).fill(titleTerms).flat()]);
      const rows = [...counts].map(([term, weight]) => ({ term, document_id: id, weight }));
      await db.transaction().execute(async (transaction) => {
        await deleteFrom(transaction, id);
        await transaction.insertInto("search_documents").values({ id, collection, title, body }).execute();
        for (let start = 0; start < rows.length; start += ROWS_PER_INSERT) {
          const batch = rows.slice(start, start + ROWS_PER_INSERT);
          await transaction.insertInto("search_terms").values(batch).execute();
        }
      });
    },

    async remove(id) {
      await db.transaction().execute((transaction) => deleteFrom(transaction, id));
    },

    async find(text, { collection, limit = 20 } = {}) {
      const words = [...new Set(termsOf(text))].slice(0, MAX_WORDS);
      if (words.length === 0) return [];
      let query = db
        .selectFrom("search_terms")
        .innerJoin("search_documents", "search_documents.id", "search_terms.document_id")
        .select(["document_id", "term", "weight", "title", "collection"])
        .where("term", "in", words);
      if (collection !== undefined) query = query.where("collection", "=", collection);
      const postings = await query.execute();

      const wordsFound = countTerms(postings.map((posting) => posting.document_id));
      const complete = postings.filter(({ document_id }) => wordsFound.get(document_id) === words.length);
      const { total } = await db
        .selectFrom("search_documents")
        .select((eb) => eb.fn.countAll().as("total"))
        .executeTakeFirstOrThrow();
      const documents = new Map(complete.map((posting) => [posting.document_id, posting]));
      return rank(complete, Number(total))
        .slice(0, Math.min(Math.max(limit, 1), 100))
        .map(([id, score]) => {
          const { title = "", collection: found = "" } = documents.get(id) ?? {};
          return { id, collection: found, title, score };
        });
    },
  };
}
