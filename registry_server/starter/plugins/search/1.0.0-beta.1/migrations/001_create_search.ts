import type { Kysely } from "kysely";

export async function up(db: Kysely<any>): Promise<void> {
  await db.schema
    .createTable("search_documents")
    .ifNotExists()
    .addColumn("id", "text", (column) => column.primaryKey().notNull())
    .addColumn("collection", "text", (column) => column.notNull())
    .addColumn("title", "text", (column) => column.notNull())
    .addColumn("body", "text", (column) => column.notNull())
    .execute();
  await db.schema
    .createTable("search_terms")
    .ifNotExists()
    .addColumn("term", "text", (column) => column.notNull())
    .addColumn("document_id", "text", (column) => column.notNull())
    .addColumn("weight", "integer", (column) => column.notNull())
    .addPrimaryKeyConstraint("search_terms_key", ["term", "document_id"])
    .execute();
  await db.schema
    .createIndex("search_terms_document")
    .ifNotExists()
    .on("search_terms")
    .column("document_id")
    .execute();
}

export async function down(db: Kysely<any>): Promise<void> {
  await db.schema.dropTable("search_terms").ifExists().execute();
  await db.schema.dropTable("search_documents").ifExists().execute();
}
