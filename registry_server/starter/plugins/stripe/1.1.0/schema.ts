/** What `donkeylabs generate` reads from the migrations of this plugin. */
export interface DB {
  stripe_events: StripeEventsTable;
}

export interface StripeEventsTable {
  id: string;
  type: string;
  received_at: string;
}
