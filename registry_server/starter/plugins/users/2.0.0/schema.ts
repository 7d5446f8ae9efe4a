import type { Generated } from "kysely";

/** What `donkeylabs generate` reads from the migrations of this plugin. */
export interface DB {
  users: UsersTable;
  user_roles: UserRolesTable;
}

export interface UsersTable {
  id: string;
  email: string;
  name: string;
  password_hash: string | null;
  role: Generated<string>;
  created_at: string;
  updated_at: string;
  deactivated_at: string | null;
}

export interface UserRolesTable {
  user_id: string;
  role: string;
}
