export interface ClientCredentials {
  clientId: string;
  clientSecret: string;
}

export interface Profile {
  /** What the provider calls the person; never changes, unlike the address. */
  subject: string;
  name: string;
  /** `null` unless the provider has checked that it belongs to the person. */
  verifiedEmail: string | null;
}

/** Fetches JSON from a provider with an access token. */
export type FetchJson = (url: string) => Promise<unknown>;

export interface Provider extends ClientCredentials {
  authorizeUrl: string;
  tokenUrl: string;
  scopes: string[];
  profile(fetchJson: FetchJson): Promise<Profile>;
}

export function github(credentials: ClientCredentials): Provider {
  return {
    ...credentials,
    authorizeUrl: "https://github.com/login/oauth/authorize",
    tokenUrl: "https://github.com/login/oauth/access_token",
    scopes: ["read:user", "user:email"],
    async profile(fetchJson) {
      const user = (await fetchJson("https://api.github.com/user")) as {
        id: number;
        login: string;
        name: string | null;
      };
      const emails = (await fetchJson("https://api.github.com/user/emails")) as {
        email: string;
        primary: boolean;
        verified: boolean;
      }[];
      const email = emails.find(({ primary, verified }) => primary && verified)?.email ?? null;
      return { subject: String(user.id), name: user.name ?? user.login, verifiedEmail: email };
    },
  };
}

export function google(credentials: ClientCredentials): Provider {
  return {
    ...credentials,
    authorizeUrl: "https://accounts.google.com/o/oauth2/v2/auth",
    tokenUrl: "https://oauth2.googleapis.com/token",
    scopes: ["openid", "email", "profile"],
    async profile(fetchJson) {
      const user = (await fetchJson("https://openidconnect.googleapis.com/v1/userinfo")) as {
        sub: string;
        name?: string;
        email?: string;
        email_verified?: boolean;
      };
      const verifiedEmail = user.email_verified === true ? (user.email ?? null) : null;
      return { subject: user.sub, name: user.name ?? user.email ?? user.sub, verifiedEmail };
    },
  };
}
