import type { Kysely } from "kysely";

/** How many words a record has; the records that are there get it from their terms. */
export async function up(db: Kysely<any>): Promise<void> {
  await db.schema
    .alterTable("search_documents")
    .addColumn("length", "integer", (column) => column.notNull().defaultTo(0))
    .execute();
  await db
    .updateTable("search_documents")
    .set((eb) => ({
      length: eb.fn.coalesce(
        eb
          .selectFrom("search_terms")
          .select((terms) => terms.fn.sum("weight").as("length"))
          .whereRef("search_terms.document_id", "=", "search_documents.id"),
        eb.lit(0),
      ),
    }))
    .execute();
}

export async function down(db: Kysely<any>): Promise<void> {
  await db.schema.alterTable("search_documents").dropColumn("length").execute();
}
