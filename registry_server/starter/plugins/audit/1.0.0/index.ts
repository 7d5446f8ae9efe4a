import { createPlugin } from "@donkeylabs/server";
import type { DB as AuditSchema } from "./schema";
import { createAuditService, type AuditService } from "./service";

export type { AuditEntry, AuditFilter, AuditService, NewAuditEntry } from "./service";

export interface AuditConfig {
  /** Entries older than this are deleted every night; left out, they are kept for ever. */
  retentionDays?: number;
}

export const auditPlugin = createPlugin
  .withSchema<AuditSchema>()
  .withConfig<AuditConfig>()
  .define({
    name: "audit",

    service: async (ctx): Promise<AuditService> =>
      createAuditService({ db: ctx.db, errors: ctx.core.errors }),

    init: (ctx, service) => {
      const { retentionDays } = ctx.config;
      if (retentionDays === undefined) return;
      ctx.core.cron.schedule(
        "41 3 * * *",
        async () => {
          const removed = await service.purge(new Date(Date.now() - retentionDays * 86_400_000));
          if (removed > 0) ctx.core.logger.info("Old audit entries were deleted.", { removed });
        },
        { name: "audit: delete old entries" },
      );
    },
  });
