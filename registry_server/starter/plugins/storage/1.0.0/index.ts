import { createPlugin } from "@donkeylabs/server";
import { createStorageService, type StorageService } from "./service";

export type { StorageService, StoredFile } from "./service";

export interface StorageConfig {
  /** Folder that holds the files; it is made when it does not exist. */
  root: string;
  /** Largest file; 10 MiB unless told. */
  maxBytes?: number;
  /** At least 32 characters; needed for links that expire. */
  linkSecret?: string;
}

export const storagePlugin = createPlugin.withConfig<StorageConfig>().define({
  name: "storage",

  service: async (ctx): Promise<StorageService> =>
    createStorageService({
      root: ctx.config.root,
      maxBytes: ctx.config.maxBytes ?? 10 * 1024 * 1024,
      linkSecret: ctx.config.linkSecret,
      errors: ctx.core.errors,
    }),
});
