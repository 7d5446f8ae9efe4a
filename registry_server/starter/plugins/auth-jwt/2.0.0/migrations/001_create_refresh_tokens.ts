import type { Kysely } from "kysely";

export async function up(db: Kysely<any>): Promise<void> {
  await db.schema
    .createTable("auth_refresh_tokens")
    .ifNotExists()
    .addColumn("token_hash", "text", (column) => column.primaryKey().notNull())
    .addColumn("family", "text", (column) => column.notNull())
    .addColumn("user_id", "text", (column) => column.notNull())
    .addColumn("expires_at", "text", (column) => column.notNull())
    .addColumn("used_at", "text")
    .execute();
  await db.schema
    .createIndex("auth_refresh_tokens_family")
    .ifNotExists()
    .on("auth_refresh_tokens")
    .column("family")
    .execute();
  await db.schema
    .createIndex("auth_refresh_tokens_user")
    .ifNotExists()
    .on("auth_refresh_tokens")
    .column("user_id")
    .execute();
}

export async function down(db: Kysely<any>): Promise<void> {
  await db.schema.dropTable("auth_refresh_tokens").ifExists().execute();
}
