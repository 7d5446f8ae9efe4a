import type { Kysely } from "kysely";

export async function up(db: Kysely<any>): Promise<void> {
  await db.schema
    .createTable("audit_entries")
    .ifNotExists()
    .addColumn("id", "text", (column) => column.primaryKey().notNull())
    .addColumn("at", "text", (column) => column.notNull())
    .addColumn("actor", "text", (column) => column.notNull())
    .addColumn("action", "text", (column) => column.notNull())
    .addColumn("target", "text")
    .addColumn("details", "text", (column) => column.notNull())
    .execute();
  for (const column of ["actor", "target"]) {
    await db.schema
      .createIndex(`audit_entries_${column}`)
      .ifNotExists()
      .on("audit_entries")
      .columns([column, "id"])
      .execute();
  }
}

export async function down(db: Kysely<any>): Promise<void> {
  await db.schema.dropTable("audit_entries").ifExists().execute();
}
