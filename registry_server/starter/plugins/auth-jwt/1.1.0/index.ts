import { createMiddleware, createPlugin } from "@donkeylabs/server";
import { createRefreshTokens } from "./refresh";
import type { DB as AuthSchema } from "./schema";
import { createAuthService, type AuthService } from "./service";
import { bearerToken, createTokens, type TokenConfig } from "./tokens";

export type { RefreshToken } from "./refresh";
export type { AuthService, SignedIn } from "./service";
export type { AccessToken, TokenConfig } from "./tokens";

export interface AuthJwtConfig extends TokenConfig {
  /** How long somebody stays signed in without coming back; 30 days unless told. */
  refreshDays?: number;
}

export interface JwtRequired {
  /** Lets only accounts with this role through. */
  role?: string;
}

export const authJwtPlugin = createPlugin
  .withSchema<AuthSchema>()
  .withConfig<AuthJwtConfig>()
  .define({
    name: "auth-jwt",
    dependencies: ["users"] as const,

    service: async (ctx): Promise<AuthService> =>
      createAuthService({
        users: ctx.deps.users,
        tokens: createTokens(ctx.config),
        refreshTokens: createRefreshTokens(ctx.db, ctx.config.refreshDays ?? 30),
        errors: ctx.core.errors,
      }),

    init: (ctx, service) => {
      ctx.core.cron.schedule("17 4 * * *", async () => void (await service.purge()), {
        name: "auth-jwt: forget expired refresh tokens",
      });
    },

    middleware: (ctx, service) => ({
      /** Lets a request through only with a valid access token, and sets `ctx.user`. */
      jwtRequired: createMiddleware<JwtRequired | undefined>(async (request, context, next, options) => {
        const user = await service.verify(bearerToken(request.headers.get("authorization")));
        if (options?.role !== undefined && options.role !== user.role) {
          throw ctx.core.errors.Forbidden("Your account may not do this.");
        }
        context.user = user;
        return next();
      }),
    }),
  });
