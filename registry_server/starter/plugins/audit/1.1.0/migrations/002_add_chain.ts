import type { Kysely } from "kysely";

/** Entries from before this have no hashes: the chain begins with the next one. */
export async function up(db: Kysely<any>): Promise<void> {
  await db.schema.alterTable("audit_entries").addColumn("previous_hash", "text").execute();
  await db.schema.alterTable("audit_entries").addColumn("hash", "text").execute();
}

export async function down(db: Kysely<any>): Promise<void> {
  await db.schema.alterTable("audit_entries").dropColumn("hash").execute();
  await db.schema.alterTable("audit_entries").dropColumn("previous_hash").execute();
}
