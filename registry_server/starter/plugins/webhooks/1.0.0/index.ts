import { createPlugin } from "@donkeylabs/server";
import type { DB as WebhooksSchema } from "./schema";
import { createWebhooksService, type WebhooksService } from "./service";

export type { Endpoint, NewEndpoint, WebhooksService } from "./service";
export { verifySignature } from "./signature";

export interface WebhooksConfig {
  /** How often a delivery is tried before it is given up; 8 unless told. */
  maxAttempts?: number;
  /** How long a receiver may take to answer; 10 seconds unless told. */
  timeoutMs?: number;
  /** Allows `http:` and addresses of your own network: for development only. */
  allowPrivateTargets?: boolean;
}

export const webhooksPlugin = createPlugin
  .withSchema<WebhooksSchema>()
  .withConfig<WebhooksConfig>()
  .define({
    name: "webhooks",
    dependencies: ["audit"] as const,

    service: async (ctx): Promise<WebhooksService> =>
      createWebhooksService({
        db: ctx.db,
        audit: ctx.deps.audit,
        errors: ctx.core.errors,
        fetch,
        maxAttempts: ctx.config.maxAttempts ?? 8,
        timeoutMs: ctx.config.timeoutMs ?? 10_000,
        allowPrivateTargets: ctx.config.allowPrivateTargets ?? false,
      }),

    init: (ctx, service) => {
      ctx.core.cron.schedule(
        "* * * * *",
        async () => {
          const { delivered, failed } = await service.deliverDue();
          if (failed > 0) ctx.core.logger.warn("Some webhooks were not delivered.", { delivered, failed });
        },
        { name: "webhooks: deliver what is due" },
      );
    },
  });
