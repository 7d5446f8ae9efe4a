/** What `donkeylabs generate` reads from the migrations of this plugin. */
export interface DB {
  feature_flags: FeatureFlagsTable;
}

export interface FeatureFlagsTable {
  key: string;
  description: string;
  enabled: number;
  percentage: number;
  include: string;
  exclude: string;
  updated_at: string;
}
