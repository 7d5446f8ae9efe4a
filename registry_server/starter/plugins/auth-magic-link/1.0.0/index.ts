import { createPlugin } from "@donkeylabs/server";
import type { DB as MagicLinkSchema } from "./schema";
import { createMagicLinkService, type Email, type MagicLinkService, type Users } from "./service";

export type { MagicLinkService, MagicLinkUser } from "./service";

export interface MagicLinkConfig {
  /** The page that receives the token, such as `https://example.org/enter`. */
  url: string;
  /** What your product is called, for the message. */
  productName: string;
  /** How long a link is valid; 15 minutes unless told. */
  minutes?: number;
  /** Makes an account for an address that has none; off unless told. */
  createAccounts?: boolean;
}

const MAX_REQUESTS = 3;

export const authMagicLinkPlugin = createPlugin
  .withSchema<MagicLinkSchema>()
  .withConfig<MagicLinkConfig>()
  .define({
    name: "auth-magic-link",
    dependencies: ["users", "email"] as const,

    service: async (ctx): Promise<MagicLinkService> => {
      // The framework types two dependencies as one or the other; at run time both are there.
      const { users, email } = ctx.deps as unknown as { users: Users; email: Email };
      const { url, productName, minutes = 15, createAccounts = false } = ctx.config;
      return createMagicLinkService({
        db: ctx.db,
        users,
        email,
        errors: ctx.core.errors,
        mayRequest: async (address) => {
          const key = `auth-magic-link:${address}`;
          return (await ctx.core.rateLimiter.check(key, MAX_REQUESTS, minutes * 60_000)).allowed;
        },
        url,
        productName,
        minutes,
        createAccounts,
      });
    },

    init: (ctx, service) => {
      ctx.core.cron.schedule("29 4 * * *", async () => void (await service.purge()), {
        name: "auth-magic-link: forget expired links",
      });
    },
  });
