import type { AccessToken, Tokens } from "./tokens";

export interface AuthUser {
  id: string;
  email: string;
  name: string;
}

/** What this plugin asks of the `users` plugin. */
export interface Users {
  findById(id: string): Promise<AuthUser | null>;
  verifyPassword(email: string, password: string): Promise<AuthUser | null>;
}

export interface SignedIn {
  user: AuthUser;
  access: AccessToken;
}

type Fail = (message?: string) => Error;

export interface AuthDependencies {
  users: Users;
  tokens: Tokens;
  errors: { Unauthorized: Fail };
}

export interface AuthService {
  login(email: string, password: string): Promise<SignedIn>;
  /** The account a token belongs to; fails with 401 when the token or the account is not valid. */
  verify(token: string): Promise<AuthUser>;
}

export function createAuthService({ users, tokens, errors }: AuthDependencies): AuthService {
  return {
    async login(email, password) {
      const user = await users.verifyPassword(email, password);
      if (user === null) throw errors.Unauthorized("Email address or password is wrong.");
      return { user, access: await tokens.issue(user.id) };
    },

    async verify(token) {
      const userId = await tokens.verify(token);
      const user = userId === null ? null : await users.findById(userId);
      if (user === null) throw errors.Unauthorized("Sign in to do this.");
      return user;
    },
  };
}
