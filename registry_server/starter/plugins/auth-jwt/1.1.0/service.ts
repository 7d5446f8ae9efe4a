import type { RefreshToken, RefreshTokens } from "./refresh";
import type { AccessToken, Tokens } from "./tokens";

export interface AuthUser {
  id: string;
  email: string;
  name: string;
  role: string;
}

/** What this plugin asks of the `users` plugin. */
export interface Users {
  findById(id: string): Promise<AuthUser | null>;
  verifyPassword(email: string, password: string): Promise<AuthUser | null>;
}

export interface SignedIn {
  user: AuthUser;
  access: AccessToken;
  refresh: RefreshToken;
}

type Fail = (message?: string) => Error;

export interface AuthDependencies {
  users: Users;
  tokens: Tokens;
  refreshTokens: RefreshTokens;
  errors: { Unauthorized: Fail };
}

export interface AuthService {
  login(email: string, password: string): Promise<SignedIn>;
  /** Exchanges a refresh token for new tokens; the old one is used up. */
  refresh(refreshToken: string): Promise<SignedIn>;
  /** Withdraws every refresh token that came from the same sign-in. */
  logout(refreshToken: string): Promise<void>;
  /** Withdraws every refresh token of an account. */
  logoutEverywhere(userId: string): Promise<void>;
  /** The account a token belongs to; fails with 401 when the token or the account is not valid. */
  verify(accessToken: string): Promise<AuthUser>;
  /** Forgets refresh tokens that have expired. */
  purge(): Promise<number>;
}

export function createAuthService(dependencies: AuthDependencies): AuthService {
  const { users, tokens, refreshTokens, errors } = dependencies;

  return {
    async login(email, password) {
      const user = await users.verifyPassword(email, password);
      if (user === null) throw errors.Unauthorized("Email address or password is wrong.");
      const [access, refresh] = await Promise.all([tokens.issue(user.id), refreshTokens.issue(user.id)]);
      return { user, access, refresh };
    },

    async refresh(refreshToken) {
      const rotated = await refreshTokens.rotate(refreshToken);
      const user = rotated === null ? null : await users.findById(rotated.userId);
      if (rotated === null || user === null) throw errors.Unauthorized("Sign in again.");
      return { user, access: await tokens.issue(user.id), refresh: rotated.next };
    },

    logout: (refreshToken) => refreshTokens.revoke(refreshToken),

    logoutEverywhere: (userId) => refreshTokens.revokeAll(userId),

    async verify(accessToken) {
      const userId = await tokens.verify(accessToken);
      const user = userId === null ? null : await users.findById(userId);
      if (user === null) throw errors.Unauthorized("Sign in to do this.");
      return user;
    },

    purge: () => refreshTokens.purge(),
  };
}
