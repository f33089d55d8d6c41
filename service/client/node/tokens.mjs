// Validates tokens, apart from revocation, as strictly as the service does.
import { compactVerify, decodeProtectedHeader, importJWK } from "jose";

const ALGORITHMS = { RSA: "RS256", EC: "ES256", OKP: "EdDSA" }; // the algorithm of each key type
const COMPACT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;
const IDENTIFIER = /^[A-Za-z0-9_-]{22,43}$/;
const MAX_TOKEN = 8000;
const MAX_LIFETIME = 24 * 3600; // seconds; a token with a longer lifetime is refused
export const AUDIENCE = { id: "aud", access: "client_id" }; // the claim that holds the client id

/** The token is malformed, forged, expired, revoked, or for another use. Respond 401. */
export class InvalidTokenError extends Error {
  name = "InvalidTokenError";
}

/** Signed with a key that is not in the key set: a new key, or a forgery. */
export class UnknownKeyError extends InvalidTokenError {}

/** The service signs for another issuer than this verifier expects: the settings of one of them are wrong. */
export class WrongIssuerError extends InvalidTokenError {
  name = "WrongIssuerError";

  constructor(told, said) {
    super(
      `this verifier was told the issuer ${told}, but the service signs as ${String(said).slice(0, 200)}: use the service's ` +
        "tokens.issuer to the letter, and baseUrl where the service is reached at another address",
    );
  }
}

export const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** The usable keys of a key set, by their ids; keys that cannot verify our tokens are skipped. Throws without any. */
export async function keysOf(text) {
  const said = JSON.parse(text);
  const found = new Map();
  for (const one of isObject(said) && Array.isArray(said.keys) ? said.keys : []) {
    const algorithm = isObject(one) && Object.hasOwn(ALGORITHMS, one.kty) ? ALGORITHMS[one.kty] : undefined;
    if (algorithm && one.alg === algorithm && typeof one.kid === "string" && one.use === "sig") {
      found.set(one.kid, { algorithm, key: await importJWK(one, algorithm) });
    }
  }
  if (found.size === 0) throw new Error("no key set");
  return found;
}

/**
 * The key id and claims of a JWT with `typ: kind`, after its signature is verified with the key's own algorithm.
 * Throws UnknownKeyError or InvalidTokenError, also for any error of the JOSE library on a hostile token.
 */
export async function read(token, kind, keys) {
  let header;
  try {
    header = decodeProtectedHeader(token);
  } catch {
    throw new InvalidTokenError("it cannot be read, or its signature is not that of its key");
  }
  if (header.typ !== kind || !Object.values(ALGORITHMS).includes(header.alg)) throw new InvalidTokenError(`its header is not that of a ${kind} which such a key signs`);
  const known = keys.get(header.kid);
  if (!known) throw new UnknownKeyError("it is signed with a key that is not in the key set");
  try {
    const { payload } = await compactVerify(token, known.key, { algorithms: [known.algorithm] });
    const said = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(payload));
    if (isObject(said)) return { kid: header.kid, said };
  } catch {
    // Refused below.
  }
  throw new InvalidTokenError("it cannot be read, or its signature is not that of its key");
}

/** Checks all but revocation and expiry, which are checked at every use. Throws InvalidTokenError. */
export async function claimsOf(token, keys, { issuer, clientId, use, leeway }, now) {
  if (!isCompact(token)) throw new InvalidTokenError("it is malformed: no JWT of three parts");
  const { kid, said } = await read(token, "JWT", keys);
  const fault = faultOf(said, { issuer, clientId, use, leeway }, now);
  if (fault) throw new InvalidTokenError(fault);
  const { sub: userId, origin_jti: sessionId, jti: tokenId, exp: expiresAt } = said;
  return Object.freeze({ userId, sessionId, tokenId, keyId: kid, expiresAt, all: Object.freeze(said) });
}

/** The fault in words, or an empty string. Quotes this verifier's settings and nothing of the token. */
function faultOf(said, { issuer, clientId, use, leeway }, now) {
  if (said.iss !== issuer) return `it is of another issuer than '${issuer}'`;
  if (said.token_use !== use) return `it is for another use than '${use}' (token_use)`;
  if (said[AUDIENCE[use]] !== clientId) return `it is for another client id than '${clientId}' (${AUDIENCE[use]})`;
  const isNamed = [said.origin_jti, said.jti].every((one) => typeof one === "string" && IDENTIFIER.test(one));
  const isTimed = Number.isSafeInteger(said.iat) && Number.isSafeInteger(said.exp);
  if (!isNamed || !isTimed || typeof said.sub !== "string") return "it is malformed: a claim is missing or of another type";
  if (said.iat > now + leeway) return "it was issued in the future: do the clocks differ?";
  const lifetime = said.exp - said.iat;
  return lifetime > 0 && lifetime <= MAX_LIFETIME ? "" : "it would live longer than any token may";
}

export const isCompact = (token) => typeof token === "string" && token.length <= MAX_TOKEN && COMPACT.test(token);
