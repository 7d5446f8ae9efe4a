import { createPlugin } from "@donkeylabs/server";
import type { DB as FeatureFlagsSchema } from "./schema";
import { createFlagsService, type FlagsService } from "./service";

export type { Flag, Subject } from "./evaluate";
export type { FlagChanges, FlagsService } from "./service";

export const featureFlagsPlugin = createPlugin.withSchema<FeatureFlagsSchema>().define({
  name: "feature-flags",
  dependencies: ["audit"] as const,

  service: async (ctx): Promise<FlagsService> =>
    createFlagsService({
      db: ctx.db,
      audit: ctx.deps.audit,
      cache: ctx.core.cache,
      errors: ctx.core.errors,
    }),
});
