/** What `donkeylabs generate` reads from the migrations of this plugin. */
export interface DB {
  users: UsersTable;
}

export interface UsersTable {
  id: string;
  email: string;
  name: string;
  password_hash: string | null;
  created_at: string;
  updated_at: string;
}
