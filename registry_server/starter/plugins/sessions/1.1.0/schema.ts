/** What `donkeylabs generate` reads from the migrations of this plugin. */
export interface DB {
  sessions: SessionsTable;
}

export interface SessionsTable {
  id: string;
  token_hash: string;
  user_id: string;
  device: string;
  created_at: string;
  seen_at: string;
}
