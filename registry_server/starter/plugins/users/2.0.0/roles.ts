import type { Kysely } from "kysely";
import type { DB } from "./schema";

const ROLE = /^[a-z][a-z0-9-]{0,31}$/;

/** Why a role is not acceptable, as a sentence; `null` when it is. */
export function roleProblem(role: string): string | null {
  return ROLE.test(role) ? null : "A role is one lower case word, such as `editor`.";
}

/** The roles of several accounts in one query; accounts without any are left out. */
export async function rolesOf(db: Kysely<DB>, ids: string[]): Promise<Map<string, string[]>> {
  const roles = new Map<string, string[]>();
  if (ids.length === 0) return roles;
  const rows = await db
    .selectFrom("user_roles")
    .selectAll()
    .where("user_id", "in", ids)
    .orderBy("role")
    .execute();
  for (const { user_id, role } of rows) {
    const known = roles.get(user_id);
    if (known === undefined) roles.set(user_id, [role]);
    else known.push(role);
  }
  return roles;
}

/** Call it inside a transaction: between its two steps the account has no role at all. */
export async function replaceRoles(db: Kysely<DB>, id: string, roles: string[]): Promise<void> {
  await db.deleteFrom("user_roles").where("user_id", "=", id).execute();
  if (roles.length === 0) return;
  await db
    .insertInto("user_roles")
    .values(roles.map((role) => ({ user_id: id, role })))
    .execute();
}
