import { createPlugin } from "@donkeylabs/server";
import Stripe from "stripe";
import { createStripeService, type StripeService } from "./service";

export { formatAmount, fromMinorUnits, toMinorUnits } from "./money";
export type { CheckoutRequest, StripeService } from "./service";

export interface StripeConfig {
  /** The secret key of your Stripe account. */
  secretKey: string;
  /** The signing secret of the webhook endpoint that you made in Stripe. */
  webhookSecret: string;
}

export const stripePlugin = createPlugin.withConfig<StripeConfig>().define({
  name: "stripe",

  service: async (ctx): Promise<StripeService> =>
    createStripeService({
      stripe: new Stripe(ctx.config.secretKey),
      webhookSecret: ctx.config.webhookSecret,
      errors: ctx.core.errors,
      emit: (event, data) => ctx.core.events.emit(event, data),
    }),
});
