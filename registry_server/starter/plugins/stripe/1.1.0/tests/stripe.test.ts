import { beforeEach, describe, expect, test } from "bun:test";
import Stripe from "stripe";
import { createInbox, type Inbox } from "../inbox";
import * as createEvents from "../migrations/001_create_stripe_events";
import type { DB } from "../schema";
import { createStripeService, type StripeClient, type StripeService } from "../service";
import { errors, openDatabase } from "./support";

const client = new Stripe(crypto.randomUUID());
const webhookSecret = crypto.randomUUID();

let created: unknown[][];
let emitted: [string, unknown][];
let failing: boolean;
let inbox: Inbox;
let service: StripeService;

beforeEach(async () => {
  failing = false;
  inbox = createInbox(await openDatabase<DB>(createEvents));
  created = [];
  emitted = [];
  const create = async (...parameters: unknown[]) => {
    created.push(parameters);
    return { id: "session-1", url: "https://checkout.example.org/session-1" };
  };
  const sessions = { create };
  const stripe = {
    webhooks: client.webhooks,
    checkout: { sessions },
    billingPortal: { sessions },
  } as unknown as StripeClient;
  service = createStripeService({
    stripe,
    webhookSecret,
    inbox,
    errors,
    emit: async (event, data) => {
      if (failing) throw new Error("no");
      emitted.push([event, data]);
    },
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

test("the portal is opened for a customer", async () => {
  expect(await service.createPortal("customer-1", "https://example.org/")).toBe(
    "https://checkout.example.org/session-1",
  );
  expect(created).toEqual([[{ customer: "customer-1", return_url: "https://example.org/" }]]);
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
    expect(handled).toEqual({ id: "event-1", type: "checkout.session.completed", repeated: false });
    expect(emitted).toEqual([["stripe.checkout.session.completed", { client_reference_id: "order-42" }]]);
  });

  test("that comes twice is handled once, also at the same moment", async () => {
    const signature = await sign(webhookSecret);
    const handled = await Promise.all([1, 2].map(() => service.handleWebhook(body, signature)));
    expect(handled.map(({ repeated }) => repeated).sort()).toEqual([false, true]);
    expect(emitted).toHaveLength(1);
  });

  test("that could not be handled is handled at the next attempt", async () => {
    const signature = await sign(webhookSecret);
    failing = true;
    await expect(service.handleWebhook(body, signature)).rejects.toThrow("no");
    failing = false;
    expect(await service.handleWebhook(body, signature)).toMatchObject({ repeated: false });
  });

  test("is forgotten after some time", async () => {
    await service.handleWebhook(body, await sign(webhookSecret));
    expect(await inbox.purge(new Date(Date.now() - 60_000))).toBe(0);
    expect(await inbox.purge(new Date(Date.now() + 60_000))).toBe(1);
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
