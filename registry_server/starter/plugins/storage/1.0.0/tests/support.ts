import { Database } from "bun:sqlite";
import { Kysely, SqliteDialect } from "kysely";

interface Migration {
  up(db: Kysely<any>): Promise<void>;
}

/** An empty database in memory, with the tables the given migrations make. */
export async function openDatabase<Schema>(...migrations: Migration[]): Promise<Kysely<Schema>> {
  const sqlite = new Database(":memory:");
  const db = new Kysely<Schema>({
    dialect: new SqliteDialect({
      database: {
        close: () => sqlite.close(),
        prepare: (text) => {
          const statement = sqlite.prepare(text);
          return {
            reader: statement.columnNames.length > 0,
            all: (values) => statement.all(...(values as string[])),
            run: (values) => statement.run(...(values as string[])),
            iterate: (values) => statement.iterate(...(values as string[])),
          };
        },
      },
    }),
  });
  for (const migration of migrations) await migration.up(db);
  return db;
}

const fail = (status: number) => (message?: string) => Object.assign(new Error(message), { status });

/** Stands in for the error factories of the framework. */
export const errors = {
  BadRequest: fail(400),
  Unauthorized: fail(401),
  Forbidden: fail(403),
  NotFound: fail(404),
  Conflict: fail(409),
  TooManyRequests: fail(429),
  BadGateway: fail(502),
};
