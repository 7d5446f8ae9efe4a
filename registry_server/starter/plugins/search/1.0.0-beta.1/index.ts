import { createPlugin } from "@donkeylabs/server";
import type { DB as SearchSchema } from "./schema";
import { createSearchService, type SearchService } from "./service";

export type { Piece } from "./snippet";
export type { SearchDocument, SearchHit, SearchOptions, SearchService } from "./service";

export const searchPlugin = createPlugin.withSchema<SearchSchema>().define({
  name: "search",
  service: async (ctx): Promise<SearchService> => createSearchService(ctx.db),
});
