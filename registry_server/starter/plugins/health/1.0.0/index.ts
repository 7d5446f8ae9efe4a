import { createPlugin } from "@donkeylabs/server";
import { sql } from "kysely";
import { createHealthService, type HealthService } from "./service";

export type { Check, CheckResult, HealthService, Readiness } from "./service";

export const healthPlugin = createPlugin.define({
  name: "health",

  service: async (ctx): Promise<HealthService> => {
    const health = createHealthService();
    health.register({ name: "database", run: async () => void (await sql`select 1`.execute(ctx.core.db)) });
    return health;
  },
});
