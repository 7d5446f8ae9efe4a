import type { Kysely } from "kysely";

/** Several roles for one account. The column `users.role` stays, unread, so that nothing is lost. */
export async function up(db: Kysely<any>): Promise<void> {
  await db.schema
    .createTable("user_roles")
    .ifNotExists()
    .addColumn("user_id", "text", (column) => column.notNull().references("users.id").onDelete("cascade"))
    .addColumn("role", "text", (column) => column.notNull())
    .addPrimaryKeyConstraint("user_roles_key", ["user_id", "role"])
    .execute();
  await db
    .insertInto("user_roles")
    .columns(["user_id", "role"])
    .expression(db.selectFrom("users").select(["id", "role"]))
    .execute();
}

export async function down(db: Kysely<any>): Promise<void> {
  await db.schema.dropTable("user_roles").ifExists().execute();
}
