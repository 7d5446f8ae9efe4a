import { randomBytes } from "node:crypto";
import type { Kysely, Selectable } from "kysely";
import { delayAfter } from "./backoff";
import type { DB, WebhookDeliveriesTable, WebhookEndpointsTable } from "./schema";
import { sign, SIGNATURE_HEADER } from "./signature";
import { targetProblem } from "./target";

export interface NewEndpoint {
  url: string;
  /** Names of events, or `*` for all. */
  events: string[];
}

export interface Endpoint extends NewEndpoint {
  id: string;
  createdAt: string;
}

/** What this plugin asks of the `audit` plugin. */
export interface Audit {
  record(entry: {
    actor: string;
    action: string;
    target?: string;
    details?: Record<string, unknown>;
  }): Promise<unknown>;
}

type Fail = (message?: string) => Error;
type Delivery = Selectable<WebhookDeliveriesTable>;
type Target = Selectable<WebhookEndpointsTable>;

export interface WebhooksDependencies {
  db: Kysely<DB>;
  audit: Audit;
  errors: { BadRequest: Fail };
  fetch(url: string, init: RequestInit): Promise<Response>;
  maxAttempts: number;
  timeoutMs: number;
  allowPrivateTargets: boolean;
}

export type WebhooksService = ReturnType<typeof createWebhooksService>;

const BATCH = 50;

export function createWebhooksService(dependencies: WebhooksDependencies) {
  const { db, audit, errors, fetch, maxAttempts, timeoutMs, allowPrivateTargets } = dependencies;

  /** Sends one delivery; returns why it failed, or `null`. */
  async function send(delivery: Delivery, endpoint: Target, now: Date): Promise<string | null> {
    try {
      const response = await fetch(endpoint.url, {
        method: "POST",
        redirect: "manual", // a redirect could lead into the own network
        signal: AbortSignal.timeout(timeoutMs),
        headers: {
          "content-type": "application/json",
          "webhook-id": delivery.id,
          [SIGNATURE_HEADER]: sign(delivery.body, endpoint.secret, now),
        },
        body: delivery.body,
      });
      await response.body?.cancel();
      return response.ok ? null : `The receiver answered ${response.status}.`;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  /** Takes a delivery for this process, so that no other sends it too. */
  async function claim(delivery: Delivery, now: Date): Promise<boolean> {
    const result = await db
      .updateTable("webhook_deliveries")
      .set({ due_at: new Date(now.getTime() + 2 * timeoutMs).toISOString() })
      .where("id", "=", delivery.id)
      .where("due_at", "=", delivery.due_at)
      .executeTakeFirst();
    return result.numUpdatedRows > 0n;
  }

  async function settle(delivery: Delivery, problem: string | null, now: Date): Promise<void> {
    const attempts = delivery.attempts + 1;
    const status = problem === null ? "delivered" : attempts >= maxAttempts ? "failed" : "pending";
    await db
      .updateTable("webhook_deliveries")
      .set({
        attempts,
        status,
        last_error: problem,
        due_at: new Date(now.getTime() + delayAfter(attempts)).toISOString(),
      })
      .where("id", "=", delivery.id)
      .execute();
  }

  return {
    /** Adds a receiver. The secret is returned this one time, for the receiver to check signatures with. */
    async addEndpoint(input: NewEndpoint, actor: string): Promise<Endpoint & { secret: string }> {
      const problem = targetProblem(input.url, allowPrivateTargets);
      if (problem !== null) throw errors.BadRequest(problem);
      if (input.events.length === 0) throw errors.BadRequest("Name the events to deliver, or `*` for all.");
      const row: Target = {
        id: Bun.randomUUIDv7(),
        url: input.url,
        secret: randomBytes(32).toString("base64url"),
        events: JSON.stringify(input.events),
        created_at: new Date().toISOString(),
      };
      await db.insertInto("webhook_endpoints").values(row).execute();
      const details = { url: input.url, events: input.events };
      await audit.record({ actor, action: "webhook.added", target: `webhook:${row.id}`, details });
      return { ...toEndpoint(row), secret: row.secret };
    },

    async listEndpoints(): Promise<Endpoint[]> {
      const rows = await db.selectFrom("webhook_endpoints").selectAll().orderBy("id").execute();
      return rows.map(toEndpoint);
    },

    /** Removes a receiver and what was still to be sent to it. */
    async removeEndpoint(id: string, actor: string): Promise<boolean> {
      const result = await db.deleteFrom("webhook_endpoints").where("id", "=", id).executeTakeFirst();
      if (result.numDeletedRows === 0n) return false;
      await db
        .deleteFrom("webhook_deliveries")
        .where("endpoint_id", "=", id)
        .where("status", "=", "pending")
        .execute();
      await audit.record({ actor, action: "webhook.removed", target: `webhook:${id}` });
      return true;
    },

    /** Puts an event into the queue of every receiver that wants it; returns how many those are. */
    async publish(event: string, data: unknown, now = new Date()): Promise<number> {
      const endpoints = await db.selectFrom("webhook_endpoints").selectAll().execute();
      const receivers = endpoints
        .map(toEndpoint)
        .filter(({ events }) => events.includes("*") || events.includes(event));
      if (receivers.length === 0) return 0;
      const body = JSON.stringify({ event, createdAt: now.toISOString(), data });
      await db
        .insertInto("webhook_deliveries")
        .values(
          receivers.map(({ id }) => ({
            id: Bun.randomUUIDv7(),
            endpoint_id: id,
            event,
            body,
            status: "pending",
            attempts: 0,
            due_at: now.toISOString(),
            last_error: null,
          })),
        )
        .execute();
      return receivers.length;
    },

    /** Sends what is due. Runs every minute by itself; call it after `publish` to be faster. */
    async deliverDue(now = new Date()): Promise<{ delivered: number; failed: number }> {
      const due = await db
        .selectFrom("webhook_deliveries")
        .selectAll()
        .where("status", "=", "pending")
        .where("due_at", "<=", now.toISOString())
        .orderBy("due_at")
        .limit(BATCH)
        .execute();
      const endpoints = await db.selectFrom("webhook_endpoints").selectAll().execute();
      const byId = new Map(endpoints.map((endpoint) => [endpoint.id, endpoint]));
      const results = await Promise.all(
        due.map(async (delivery) => {
          const endpoint = byId.get(delivery.endpoint_id);
          if (endpoint === undefined || !(await claim(delivery, now))) return undefined;
          const problem = await send(delivery, endpoint, now);
          await settle(delivery, problem, now);
          return problem === null;
        }),
      );
      return {
        delivered: results.filter((sent) => sent === true).length,
        failed: results.filter((sent) => sent === false).length,
      };
    },
  };
}

function toEndpoint(row: Target): Endpoint {
  return { id: row.id, url: row.url, events: JSON.parse(row.events) as string[], createdAt: row.created_at };
}
