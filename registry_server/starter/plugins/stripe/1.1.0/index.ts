import { createPlugin } from "@donkeylabs/server";
import Stripe from "stripe";
import { createInbox } from "./inbox";
import type { DB as StripeSchema } from "./schema";
import { createStripeService, type StripeService } from "./service";

export { formatAmount, fromMinorUnits, toMinorUnits } from "./money";
export type { CheckoutRequest, StripeService } from "./service";

export interface StripeConfig {
  /** The secret key of your Stripe account. */
  secretKey: string;
  /** The signing secret of the webhook endpoint that you made in Stripe. */
  webhookSecret: string;
}

const KEEP_EVENTS_MS = 30 * 86_400_000;

export const stripePlugin = createPlugin
  .withSchema<StripeSchema>()
  .withConfig<StripeConfig>()
  .define({
    name: "stripe",

    service: async (ctx): Promise<StripeService> =>
      createStripeService({
        stripe: new Stripe(ctx.config.secretKey),
        webhookSecret: ctx.config.webhookSecret,
        inbox: createInbox(ctx.db),
        errors: ctx.core.errors,
        emit: (event, data) => ctx.core.events.emit(event, data),
      }),

    init: (ctx) => {
      const inbox = createInbox(ctx.db);
      ctx.core.cron.schedule(
        "37 4 * * *",
        async () => void (await inbox.purge(new Date(Date.now() - KEEP_EVENTS_MS))),
        { name: "stripe: forget old webhooks" },
      );
    },
  });
