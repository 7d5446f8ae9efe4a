import { beforeEach, expect, test } from "bun:test";
import * as createTables from "../migrations/001_create_webhooks";
import type { DB } from "../schema";
import { createWebhooksService, type WebhooksService } from "../service";
import { verifySignature } from "../signature";
import { errors, openDatabase } from "./support";

const now = new Date("2030-01-01T00:00:00Z");
const days = (count: number) => new Date(now.getTime() + count * 86_400_000);

let webhooks: WebhooksService;
let requests: { url: string; headers: Headers; body: string }[];
let answer: () => Promise<Response>;
let recorded: string[];

beforeEach(async () => {
  requests = [];
  recorded = [];
  answer = async () => new Response(null, { status: 204 });
  webhooks = createWebhooksService({
    db: await openDatabase<DB>(createTables),
    audit: { record: async ({ actor, action }) => void recorded.push(`${actor} ${action}`) },
    errors,
    fetch: async (url, init) => {
      requests.push({ url, headers: new Headers(init.headers), body: String(init.body) });
      return answer();
    },
    maxAttempts: 3,
    timeoutMs: 1_000,
    allowPrivateTargets: false,
  });
});

const endpoint = { url: "https://example.org/hook", events: ["order.paid"] };

test("an event reaches those who want it, signed with their secret", async () => {
  const { secret } = await webhooks.addEndpoint(endpoint, "ada");
  await webhooks.addEndpoint({ url: "https://example.net/hook", events: ["order.shipped"] }, "ada");
  expect(await webhooks.publish("order.paid", { id: 42 }, now)).toBe(1);
  expect(await webhooks.deliverDue(now)).toEqual({ delivered: 1, failed: 0 });

  const [request] = requests;
  expect(request?.url).toBe(endpoint.url);
  expect(JSON.parse(request?.body ?? "")).toEqual({
    event: "order.paid",
    createdAt: now.toISOString(),
    data: { id: 42 },
  });
  expect(verifySignature(request!.body, request!.headers.get("webhook-signature")!, secret, now)).toBe(true);
});

test("what was delivered is not delivered again", async () => {
  await webhooks.addEndpoint({ ...endpoint, events: ["*"] }, "ada");
  await webhooks.publish("order.paid", {}, now);
  await Promise.all([webhooks.deliverDue(now), webhooks.deliverDue(now)]);
  await webhooks.deliverDue(days(1));
  expect(requests).toHaveLength(1);
});

test("a failed delivery is tried again later with the same id, until it is given up", async () => {
  await webhooks.addEndpoint(endpoint, "ada");
  await webhooks.publish("order.paid", {}, now);
  answer = async () => new Response("no", { status: 500 });
  expect(await webhooks.deliverDue(now)).toEqual({ delivered: 0, failed: 1 });
  expect(await webhooks.deliverDue(now)).toEqual({ delivered: 0, failed: 0 });
  answer = () => Promise.reject(new Error("connection refused"));
  for (const day of [1, 2, 3]) await webhooks.deliverDue(days(day));
  expect(requests).toHaveLength(3);
  expect(new Set(requests.map(({ headers }) => headers.get("webhook-id"))).size).toBe(1);
});

test("a redirect is a failure, not a way into the own network", async () => {
  await webhooks.addEndpoint(endpoint, "ada");
  await webhooks.publish("order.paid", {}, now);
  answer = async () => new Response(null, { status: 302, headers: { location: "http://127.0.0.1/" } });
  expect(await webhooks.deliverDue(now)).toEqual({ delivered: 0, failed: 1 });
});

test("a removed receiver gets nothing any more", async () => {
  const { id } = await webhooks.addEndpoint(endpoint, "ada");
  await webhooks.publish("order.paid", {}, now);
  expect(await webhooks.removeEndpoint(id, "bob")).toBe(true);
  expect(await webhooks.removeEndpoint(id, "bob")).toBe(false);
  await webhooks.deliverDue(now);
  expect(requests).toEqual([]);
  expect(recorded).toEqual(["ada webhook.added", "bob webhook.removed"]);
});

test("the list of receivers does not tell their secrets", async () => {
  const { secret } = await webhooks.addEndpoint(endpoint, "ada");
  expect(JSON.stringify(await webhooks.listEndpoints())).not.toContain(secret);
});

test("a receiver inside the own network, or one that wants nothing, is refused", async () => {
  const inside = { ...endpoint, url: "https://169.254.169.254/" };
  await expect(webhooks.addEndpoint(inside, "ada")).rejects.toMatchObject({ status: 400 });
  await expect(webhooks.addEndpoint({ ...endpoint, events: [] }, "ada")).rejects.toMatchObject({
    status: 400,
  });
});
