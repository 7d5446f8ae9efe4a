import { createPlugin } from "@donkeylabs/server";
import type { DB as SessionsSchema } from "./schema";
import { createSessionsService, type SessionsService } from "./service";

export { readCookie, writeCookie } from "./cookie";
export type { NewSession, Session, SessionsService, Visit } from "./service";

export interface SessionsConfig {
  /** A session ends after this many days without a visit; 14 unless told. */
  idleDays?: number;
  /** A session ends after this many days in any case; 90 unless told. */
  maxDays?: number;
}

export const sessionsPlugin = createPlugin
  .withSchema<SessionsSchema>()
  .withConfig<SessionsConfig>()
  .define({
    name: "sessions",
    dependencies: ["users"] as const,

    service: async (ctx): Promise<SessionsService> =>
      createSessionsService({
        db: ctx.db,
        users: ctx.deps.users,
        errors: ctx.core.errors,
        idleDays: ctx.config.idleDays ?? 14,
        maxDays: ctx.config.maxDays ?? 90,
      }),

    init: (ctx, service) => {
      // `users` 1 says that an account is deleted, `users` 2 that it is deactivated.
      for (const event of ["user.deleted", "users.deactivated"]) {
        ctx.core.events.on(event, async ({ id }: { id: string }) => void (await service.revokeAll(id)));
      }
      ctx.core.cron.schedule("23 4 * * *", async () => void (await service.purge()), {
        name: "sessions: delete what has ended",
      });
    },
  });
