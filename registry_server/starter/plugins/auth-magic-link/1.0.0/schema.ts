/** What `donkeylabs generate` reads from the migrations of this plugin. */
export interface DB {
  auth_magic_links: MagicLinksTable;
}

export interface MagicLinksTable {
  token_hash: string;
  email: string;
  expires_at: string;
}
