import { createMiddleware, createPlugin } from "@donkeylabs/server";
import { createLimiter, type Limiter } from "./limiter";

export type { Decision, Limiter } from "./limiter";

export interface RateLimitConfig {
  /** Calls that are allowed in a window. */
  limit: number;
  windowMs: number;
}

export const rateLimitPlugin = createPlugin.withConfig<RateLimitConfig>().define({
  name: "rate-limit",

  service: async (ctx): Promise<Limiter> => createLimiter(ctx.config.limit, ctx.config.windowMs),

  middleware: (ctx, service) => ({
    /** Counts calls by address of the client. */
    rateLimit: createMiddleware(async (_request, context, next) => {
      const { allowed, retryAfterMs } = service.take(context.ip);
      if (!allowed) {
        const seconds = Math.ceil(retryAfterMs / 1000);
        throw ctx.core.errors.TooManyRequests(`Too many calls. Try again in ${seconds} s.`);
      }
      return next();
    }),
  }),
});
