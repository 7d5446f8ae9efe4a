/** Stands in for what the framework declares, as far as a plugin's definition needs it. */
declare module "@donkeylabs/server" {
  interface Context<Schema, Config> {
    db: import("kysely").Kysely<Schema>;
    config: Config;
    deps: Record<string, unknown>;
    core: { events: unknown; cron: unknown; logger: unknown; errors: unknown };
  }

  interface Definition<Schema, Config, Service> {
    name: string;
    version?: string;
    dependencies?: readonly string[];
    service: (context: Context<Schema, Config>) => Service | Promise<Service>;
    init?: (context: Context<Schema, Config>, service: Service) => void | Promise<void>;
  }

  interface Builder<Schema, Config, Made> {
    withSchema<S>(): Builder<S, Config, Made>;
    withConfig<C>(): Builder<Schema, C, (config: C) => unknown>;
    define<Service>(definition: Definition<Schema, Config, Service>): Made;
  }

  export const createPlugin: Builder<Record<never, never>, undefined, object>;
}
