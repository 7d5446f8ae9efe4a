/** What `donkeylabs generate` reads from the migrations of this plugin. */
export interface DB {
  webhook_endpoints: WebhookEndpointsTable;
  webhook_deliveries: WebhookDeliveriesTable;
}

export interface WebhookEndpointsTable {
  id: string;
  url: string;
  secret: string;
  events: string;
  created_at: string;
}

export interface WebhookDeliveriesTable {
  id: string;
  endpoint_id: string;
  event: string;
  body: string;
  status: string;
  attempts: number;
  due_at: string;
  last_error: string | null;
}
