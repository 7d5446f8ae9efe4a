import { createPlugin } from "@donkeylabs/server";
import type { DB as UsersSchema } from "./schema";
import { createUsersService, type UsersService } from "./service";

export type { NewUser, User, UserChanges, UsersService } from "./service";

export const usersPlugin = createPlugin.withSchema<UsersSchema>().define({
  name: "users",

  service: async (ctx): Promise<UsersService> =>
    createUsersService({
      db: ctx.db,
      errors: ctx.core.errors,
      emit: (event, data) => ctx.core.events.emit(event, data),
    }),
});
