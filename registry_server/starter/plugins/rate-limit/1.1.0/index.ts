import { createMiddleware, createPlugin } from "@donkeylabs/server";
import { createLimiter, type Limiter, type LimiterOptions } from "./limiter";

export type { Decision, Limiter, LimiterOptions } from "./limiter";

export interface RateLimitOptions {
  /** How many calls one call of this route counts for; 1 unless told. */
  cost?: number;
  /** Counts this route by itself under a name; else all routes share the calls of a client. */
  scope?: string;
}

export const rateLimitPlugin = createPlugin.withConfig<LimiterOptions>().define({
  name: "rate-limit",

  service: async (ctx): Promise<Limiter> => createLimiter(ctx.config),

  middleware: (_ctx, service) => ({
    /** Counts calls by account when somebody is signed in, else by address of the client. */
    rateLimit: createMiddleware<RateLimitOptions | undefined>(async (_request, context, next, options) => {
      const client = context.user?.id === undefined ? `ip:${context.ip}` : `user:${context.user.id}`;
      const decision = service.take(`${options?.scope ?? ""}|${client}`, options?.cost);
      if (!decision.allowed) {
        const seconds = Math.ceil(decision.retryAfterMs / 1000);
        return Response.json(
          { error: "TOO_MANY_REQUESTS", message: `Too many calls. Try again in ${seconds} s.` },
          { status: 429, headers: { "retry-after": String(seconds) } },
        );
      }
      return next();
    }),
  }),
});
