import { jwtVerify, SignJWT } from "jose";

export interface TokenConfig {
  /** At least 32 bytes; everybody who knows it can sign in as anybody. */
  secret: string;
  /** Who signs: the address of your server, for example. */
  issuer: string;
  /** Who the tokens are for; the issuer unless told. */
  audience?: string;
  /** How long an access token is valid; 15 minutes unless told. */
  lifetimeSeconds?: number;
}

export interface AccessToken {
  token: string;
  expiresAt: Date;
}

export interface Tokens {
  issue(userId: string, now?: Date): Promise<AccessToken>;
  /** The id of the account a token was issued to, or `null` when it is not valid. */
  verify(token: string, now?: Date): Promise<string | null>;
}

const ALGORITHM = "HS256";
const MIN_SECRET_BYTES = 32;

export function createTokens(config: TokenConfig): Tokens {
  const key = new TextEncoder().encode(config.secret);
  if (key.length < MIN_SECRET_BYTES) {
    throw new Error(`auth-jwt needs a secret of at least ${MIN_SECRET_BYTES} bytes: openssl rand -base64 48`);
  }
  const { issuer, audience = issuer, lifetimeSeconds = 15 * 60 } = config;

  return {
    async issue(userId, now = new Date()) {
      const issuedAt = Math.floor(now.getTime() / 1000);
      const expiresAt = issuedAt + lifetimeSeconds;
      const token = await new SignJWT()
        .setProtectedHeader({ alg: ALGORITHM, typ: "JWT" })
        .setSubject(userId)
        .setIssuer(issuer)
        .setAudience(audience)
        .setIssuedAt(issuedAt)
        .setExpirationTime(expiresAt)
        .sign(key);
      return { token, expiresAt: new Date(expiresAt * 1000) };
    },

    async verify(token, now = new Date()) {
      try {
        const { payload } = await jwtVerify(token, key, {
          algorithms: [ALGORITHM],
          issuer,
          audience,
          currentDate: now,
          requiredClaims: ["sub", "exp"],
        });
        return payload.sub ?? null;
      } catch {
        return null;
      }
    },
  };
}

/** The token of an `Authorization: Bearer ...` header; empty when there is none. */
export function bearerToken(header: string | null): string {
  return /^Bearer ([A-Za-z0-9._~+/=-]+)$/i.exec(header ?? "")?.[1] ?? "";
}
