/** Stands in for kysely, as far as a new plugin's migration and service use it. */
declare module "kysely" {
  interface Column {
    primaryKey(): Column;
    notNull(): Column;
  }

  interface TableBuilder {
    ifNotExists(): TableBuilder;
    ifExists(): TableBuilder;
    addColumn(name: string, type: string, build?: (column: Column) => Column): TableBuilder;
    execute(): Promise<void>;
  }

  interface Select<Row, Chosen> {
    select<Key extends keyof Row & string>(column: Key): Select<Row, Pick<Row, Key>>;
    orderBy(column: keyof Row & string): Select<Row, Chosen>;
    execute(): Promise<Chosen[]>;
  }

  export interface Kysely<DB> {
    schema: { createTable(name: string): TableBuilder; dropTable(name: string): TableBuilder };
    insertInto<Table extends keyof DB & string>(
      table: Table,
    ): { values(row: DB[Table]): { execute(): Promise<void> } };
    selectFrom<Table extends keyof DB & string>(table: Table): Select<DB[Table], DB[Table]>;
  }
}
