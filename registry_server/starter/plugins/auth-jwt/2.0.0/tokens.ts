import { jwtVerify, SignJWT } from "jose";

export interface SigningKey {
  /** Name of the key in the header of each token, such as `2026-01`. */
  id: string;
  /** At least 32 bytes; everybody who knows it can sign in as anybody. */
  secret: string;
}

export interface TokenConfig {
  /** The first key signs, all verify: put a new key in front, drop the old one when it is done. */
  keys: [SigningKey, ...SigningKey[]];
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
  const { issuer, audience = issuer, lifetimeSeconds = 15 * 60 } = config;
  const keys = new Map(config.keys.map((key) => [key.id, keyBytes(key)]));
  if (keys.size < config.keys.length) throw new Error("auth-jwt needs a different id for each key.");
  const [current] = config.keys;
  const signingKey = keyBytes(current);

  return {
    async issue(userId, now = new Date()) {
      const issuedAt = Math.floor(now.getTime() / 1000);
      const expiresAt = issuedAt + lifetimeSeconds;
      const token = await new SignJWT()
        .setProtectedHeader({ alg: ALGORITHM, typ: "JWT", kid: current.id })
        .setSubject(userId)
        .setIssuer(issuer)
        .setAudience(audience)
        .setIssuedAt(issuedAt)
        .setExpirationTime(expiresAt)
        .sign(signingKey);
      return { token, expiresAt: new Date(expiresAt * 1000) };
    },

    async verify(token, now = new Date()) {
      const keyFor = ({ kid = "" }: { kid?: string }): Uint8Array => {
        const key = keys.get(kid);
        if (key === undefined) throw new Error("The token names an unknown key.");
        return key;
      };
      try {
        const { payload } = await jwtVerify(token, keyFor, {
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

function keyBytes({ id, secret }: SigningKey): Uint8Array {
  const bytes = new TextEncoder().encode(secret);
  if (bytes.length < MIN_SECRET_BYTES) {
    throw new Error(
      `auth-jwt needs at least ${MIN_SECRET_BYTES} bytes for key ${id}: openssl rand -base64 48`,
    );
  }
  return bytes;
}

/** The token of an `Authorization: Bearer ...` header; empty when there is none. */
export function bearerToken(header: string | null): string {
  return /^Bearer ([A-Za-z0-9._~+/=-]+)$/i.exec(header ?? "")?.[1] ?? "";
}
