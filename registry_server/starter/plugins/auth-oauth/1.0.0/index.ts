import { createPlugin } from "@donkeylabs/server";
import { github, google, type ClientCredentials, type Provider } from "./providers";
import type { DB as OAuthSchema } from "./schema";
import { createOAuthService, type OAuthService } from "./service";

export type { ClientCredentials, Profile, Provider } from "./providers";
export type { OAuthService, OAuthUser } from "./service";

export interface OAuthConfig {
  /** Where providers send people back to, with `{provider}` in it: `https://example.org/enter/{provider}`. */
  redirectUri: string;
  github?: ClientCredentials;
  google?: ClientCredentials;
}

export const authOauthPlugin = createPlugin
  .withSchema<OAuthSchema>()
  .withConfig<OAuthConfig>()
  .define({
    name: "auth-oauth",
    dependencies: ["users"] as const,

    service: async (ctx): Promise<OAuthService> => {
      const providers = new Map<string, Provider>();
      if (ctx.config.github) providers.set("github", github(ctx.config.github));
      if (ctx.config.google) providers.set("google", google(ctx.config.google));
      return createOAuthService({
        db: ctx.db,
        users: ctx.deps.users,
        cache: ctx.core.cache,
        errors: ctx.core.errors,
        fetch,
        providers,
        redirectUri: ctx.config.redirectUri,
      });
    },
  });
