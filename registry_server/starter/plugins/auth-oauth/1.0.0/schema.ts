/** What `donkeylabs generate` reads from the migrations of this plugin. */
export interface DB {
  auth_oauth_identities: OAuthIdentitiesTable;
}

export interface OAuthIdentitiesTable {
  provider: string;
  subject: string;
  user_id: string;
  created_at: string;
}
