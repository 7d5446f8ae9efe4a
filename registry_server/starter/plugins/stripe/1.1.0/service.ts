import type Stripe from "stripe";
import type { Inbox } from "./inbox";

export interface CheckoutRequest {
  mode: "payment" | "subscription";
  /** Id of a price that you made in Stripe. */
  priceId: string;
  quantity?: number;
  successUrl: string;
  cancelUrl: string;
  customerEmail?: string;
  /** Your own id of the order; comes back with the event. */
  reference?: string;
  /** The same key again gives the same session, so that nobody pays twice. */
  idempotencyKey?: string;
}

export interface Checkout {
  id: string;
  /** Where to send the customer. */
  url: string;
}

export interface HandledEvent {
  id: string;
  type: string;
  /** It was handled before, so nothing was done. */
  repeated: boolean;
}

/** The part of the Stripe client that is used; a test can stand in for it. */
export interface StripeClient {
  billingPortal: { sessions: Pick<Stripe["billingPortal"]["sessions"], "create"> };
  checkout: { sessions: Pick<Stripe["checkout"]["sessions"], "create"> };
  webhooks: Pick<Stripe["webhooks"], "constructEventAsync">;
}

type Fail = (message?: string, details?: Record<string, unknown>, cause?: Error) => Error;

export interface StripeDependencies {
  stripe: StripeClient;
  webhookSecret: string;
  inbox: Inbox;
  errors: { BadGateway: Fail; BadRequest: Fail };
  emit(event: string, data: unknown): Promise<void>;
}

export interface StripeService {
  createCheckout(request: CheckoutRequest): Promise<Checkout>;
  /** Where a customer changes their card and subscription; send them there at once, it expires. */
  createPortal(customerId: string, returnUrl: string): Promise<string>;
  /**
   * Checks the signature and emits `stripe.<type>`, once for each event. `body` is the request as it
   * came, not parsed.
   */
  handleWebhook(body: string, signature: string | null): Promise<HandledEvent>;
}

export function createStripeService(dependencies: StripeDependencies): StripeService {
  const { stripe, webhookSecret, inbox, errors, emit } = dependencies;

  async function readEvent(body: string, signature: string | null): Promise<Stripe.Event> {
    try {
      return await stripe.webhooks.constructEventAsync(body, signature ?? "", webhookSecret);
    } catch (error) {
      const cause = error instanceof Error ? error : undefined;
      throw errors.BadRequest("This webhook was not signed by Stripe.", undefined, cause);
    }
  }

  return {
    async createCheckout(request) {
      const { priceId, quantity = 1, idempotencyKey } = request;
      if (!Number.isSafeInteger(quantity) || quantity < 1) {
        throw errors.BadRequest("A quantity is a whole number from 1.");
      }
      const session = await stripe.checkout.sessions.create(
        {
          mode: request.mode,
          line_items: [{ price: priceId, quantity }],
          success_url: request.successUrl,
          cancel_url: request.cancelUrl,
          customer_email: request.customerEmail,
          client_reference_id: request.reference,
        },
        { idempotencyKey },
      );
      if (session.url === null) throw errors.BadGateway("Stripe gave no address for this checkout.");
      return { id: session.id, url: session.url };
    },

    async createPortal(customerId, returnUrl) {
      const session = await stripe.billingPortal.sessions.create({
        customer: customerId,
        return_url: returnUrl,
      });
      return session.url;
    },

    async handleWebhook(body, signature) {
      const { id, type, data } = await readEvent(body, signature);
      if (!(await inbox.accept(id, type))) return { id, type, repeated: true };
      try {
        await emit(`stripe.${type}`, data.object);
      } catch (error) {
        await inbox.release(id);
        throw error;
      }
      return { id, type, repeated: false };
    },
  };
}
