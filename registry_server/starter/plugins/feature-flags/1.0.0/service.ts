import type { Kysely, Selectable } from "kysely";
import { isOn, type Flag, type Subject } from "./evaluate";
import type { DB, FeatureFlagsTable } from "./schema";

export type FlagChanges = Partial<Omit<Flag, "key">>;

/** What this plugin asks of the `audit` plugin. */
export interface Audit {
  record(entry: {
    actor: string;
    action: string;
    target?: string;
    details?: Record<string, unknown>;
  }): Promise<unknown>;
}

export interface Cache {
  getOrSet<T>(key: string, load: () => Promise<T>, ttlMs?: number): Promise<T>;
  delete(key: string): Promise<boolean>;
}

type Fail = (message?: string) => Error;

export interface FlagsDependencies {
  db: Kysely<DB>;
  audit: Audit;
  cache: Cache;
  errors: { BadRequest: Fail };
}

export interface FlagsService {
  /** A flag that nobody made is off. */
  isEnabled(key: string, subject?: Subject): Promise<boolean>;
  /** All flags that are on for a subject: what a page needs to know at once. */
  enabledFor(subject?: Subject): Promise<string[]>;
  list(): Promise<Flag[]>;
  /** Makes a flag or changes what is named of it. */
  set(key: string, changes: FlagChanges, actor: string): Promise<Flag>;
  /** `false` when there was no such flag. */
  remove(key: string, actor: string): Promise<boolean>;
}

const KEY = /^[a-z][a-z0-9]*([._-][a-z0-9]+)*$/;
const CACHE_KEY = "feature-flags";
const CACHE_MS = 5_000;

export function createFlagsService({ db, audit, cache, errors }: FlagsDependencies): FlagsService {
  const load = async (): Promise<Flag[]> => {
    const rows = await db.selectFrom("feature_flags").selectAll().orderBy("key").execute();
    return rows.map(toFlag);
  };
  const cached = () => cache.getOrSet(CACHE_KEY, load, CACHE_MS);

  return {
    async isEnabled(key, subject) {
      const flag = (await cached()).find((candidate) => candidate.key === key);
      return flag !== undefined && isOn(flag, subject);
    },

    async enabledFor(subject) {
      return (await cached()).filter((flag) => isOn(flag, subject)).map((flag) => flag.key);
    },

    list: load,

    async set(key, changes, actor) {
      if (!KEY.test(key)) throw errors.BadRequest("A flag is named in lower case, like `new-checkout`.");
      const before = (await load()).find((flag) => flag.key === key);
      const flag: Flag = { ...(before ?? newFlag(key)), ...changes, key };
      if (!(flag.percentage >= 0 && flag.percentage <= 100)) {
        throw errors.BadRequest("A percentage is a number from 0 to 100.");
      }
      const { key: _, ...columns } = toRow(flag);
      await db
        .insertInto("feature_flags")
        .values({ key, ...columns })
        .onConflict((conflict) => conflict.column("key").doUpdateSet(columns))
        .execute();
      await cache.delete(CACHE_KEY);
      await audit.record({
        actor,
        action: before === undefined ? "feature-flag.created" : "feature-flag.changed",
        target: `feature-flag:${key}`,
        details: { before: before ?? null, after: flag },
      });
      return flag;
    },

    async remove(key, actor) {
      const result = await db.deleteFrom("feature_flags").where("key", "=", key).executeTakeFirst();
      if (result.numDeletedRows === 0n) return false;
      await cache.delete(CACHE_KEY);
      await audit.record({ actor, action: "feature-flag.removed", target: `feature-flag:${key}` });
      return true;
    },
  };
}

function newFlag(key: string): Flag {
  return { key, description: "", enabled: true, percentage: 0, include: [], exclude: [] };
}

function toRow(flag: Flag): FeatureFlagsTable {
  return {
    key: flag.key,
    description: flag.description,
    enabled: flag.enabled ? 1 : 0,
    percentage: flag.percentage,
    include: JSON.stringify(flag.include),
    exclude: JSON.stringify(flag.exclude),
    updated_at: new Date().toISOString(),
  };
}

function toFlag(row: Selectable<FeatureFlagsTable>): Flag {
  return {
    key: row.key,
    description: row.description,
    enabled: row.enabled === 1,
    percentage: row.percentage,
    include: JSON.parse(row.include) as string[],
    exclude: JSON.parse(row.exclude) as string[],
  };
}
