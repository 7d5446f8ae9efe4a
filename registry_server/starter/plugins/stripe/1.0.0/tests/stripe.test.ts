import { beforeEach, describe, expect, test } from "bun:test";
import Stripe from "stripe";
import { createStripeService, type StripeClient, type StripeService } from "../service";
import { errors } from "./support";

const client = new Stripe(crypto.randomUUID());
const webhookSecret = crypto.randomUUID();

let created: unknown[][];
let emitted: [string, unknown][];
let service: StripeService;

beforeEach(() => {
  created = [];
  emitted = [];
  const create = async (...parameters: unknown[]) => {
    created.push(parameters);
    return { id: "session-1", url: "https://checkout.example.org/session-1" };
  };
  const stripe = { webhooks: client.webhooks, checkout: { sessions: { create } } } as unknown as StripeClient;
  service = createStripeService({
    stripe,
    webhookSecret,
    errors,
    emit: async (event, data) => void emitted.push([event, data]),
  });
});

const request = {
  mode: "payment" as const,
  priceId: "price-1",
  successUrl: "https://example.org/thanks",
  cancelUrl: "https://example.org/cart",
};

describe("a checkout", () => {
  test("is made at Stripe, once for each key", async () => {
    const checkout = await service.createCheckout({
      ...request,
      reference: "order-42",
      idempotencyKey: "order-42",
    });
    expect(checkout).toEqual({ id: "session-1", url: "https://checkout.example.org/session-1" });
    expect(created[0]).toMatchObject([
      { mode: "payment", line_items: [{ price: "price-1", quantity: 1 }], client_reference_id: "order-42" },
      { idempotencyKey: "order-42" },
    ]);
  });

  test.each([0, -1, 1.5, Number.NaN])("of %p things is refused", async (quantity) => {
    await expect(service.createCheckout({ ...request, quantity })).rejects.toMatchObject({ status: 400 });
    expect(created).toEqual([]);
  });
});

describe("a webhook", () => {
  const body = JSON.stringify({
    id: "event-1",
    object: "event",
    type: "checkout.session.completed",
    data: { object: { client_reference_id: "order-42" } },
  });
  const sign = (secret: string, payload = body) =>
    client.webhooks.generateTestHeaderStringAsync({ payload, secret });

  test("becomes an event on this server", async () => {
    const handled = await service.handleWebhook(body, await sign(webhookSecret));
    expect(handled).toEqual({ id: "event-1", type: "checkout.session.completed" });
    expect(emitted).toEqual([["stripe.checkout.session.completed", { client_reference_id: "order-42" }]]);
  });

  test("with a wrong or missing signature, or another body, is refused", async () => {
    const other = body.replace("order-42", "order-43");
    const attempts: [string, string | null][] = [
      [body, await sign(crypto.randomUUID())],
      [body, null],
      [body, "nonsense"],
      [other, await sign(webhookSecret)],
    ];
    for (const [payload, signature] of attempts) {
      await expect(service.handleWebhook(payload, signature)).rejects.toMatchObject({ status: 400 });
    }
    expect(emitted).toEqual([]);
  });
});
