/** What `donkeylabs generate` reads from the migrations of this plugin. */
export interface DB {
  audit_entries: AuditEntriesTable;
}

export interface AuditEntriesTable {
  id: string;
  at: string;
  actor: string;
  action: string;
  target: string | null;
  details: string;
}
