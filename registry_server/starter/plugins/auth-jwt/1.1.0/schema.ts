/** What `donkeylabs generate` reads from the migrations of this plugin. */
export interface DB {
  auth_refresh_tokens: RefreshTokensTable;
}

export interface RefreshTokensTable {
  token_hash: string;
  family: string;
  user_id: string;
  expires_at: string;
  used_at: string | null;
}
