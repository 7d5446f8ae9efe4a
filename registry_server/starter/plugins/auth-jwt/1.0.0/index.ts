import { createMiddleware, createPlugin } from "@donkeylabs/server";
import { createAuthService, type AuthService } from "./service";
import { bearerToken, createTokens, type TokenConfig } from "./tokens";

export type { AuthService, SignedIn } from "./service";
export type { AccessToken, TokenConfig } from "./tokens";

export const authJwtPlugin = createPlugin.withConfig<TokenConfig>().define({
  name: "auth-jwt",
  dependencies: ["users"] as const,

  service: async (ctx): Promise<AuthService> =>
    createAuthService({
      users: ctx.deps.users,
      tokens: createTokens(ctx.config),
      errors: ctx.core.errors,
    }),

  middleware: (_ctx, service) => ({
    /** Lets a request through only with a valid access token, and sets `ctx.user`. */
    jwtRequired: createMiddleware(async (request, context, next) => {
      context.user = await service.verify(bearerToken(request.headers.get("authorization")));
      return next();
    }),
  }),
});
