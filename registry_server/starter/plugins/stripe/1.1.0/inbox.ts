import type { Kysely } from "kysely";
import type { DB } from "./schema";

export type Inbox = ReturnType<typeof createInbox>;

/** Remembers which events were handled. */
export function createInbox(db: Kysely<DB>) {
  return {
    /** Whether this event comes for the first time; of two at the same moment one does. */
    async accept(id: string, type: string, now = new Date()): Promise<boolean> {
      const result = await db
        .insertInto("stripe_events")
        .values({ id, type, received_at: now.toISOString() })
        .onConflict((conflict) => conflict.column("id").doNothing())
        .executeTakeFirst();
      return (result.numInsertedOrUpdatedRows ?? 0n) > 0n;
    },

    /** Takes an event back, so that Stripe's next attempt is handled. */
    async release(id: string): Promise<void> {
      await db.deleteFrom("stripe_events").where("id", "=", id).execute();
    },

    /** Stripe tries for three days; what is older cannot come again. */
    async purge(before: Date): Promise<number> {
      const result = await db
        .deleteFrom("stripe_events")
        .where("received_at", "<", before.toISOString())
        .executeTakeFirst();
      return Number(result.numDeletedRows);
    },
  };
}
