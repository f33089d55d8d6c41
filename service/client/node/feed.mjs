// The revoked sessions and keys received from the feed so far, and how fresh that list is.
import { InvalidTokenError, isObject, read, WrongIssuerError } from "./tokens.mjs";

const KIND = "revocations+jwt";
const MARGIN = 120; // seconds an entry is kept after it expires: late removal costs a little memory, early is a breach
const SWEEP = 60; // seconds between two removals of expired entries

/** A received revocation is never withdrawn; it expires when no token that it concerns can still be valid. */
export class Feed {
  constructor(issuer, leeway) {
    this.issuer = issuer;
    this.leeway = leeway;
    this.sessions = new Map();
    this.keys = new Map();
    this.madeAt = 0;
    this.sweptAt = 0;
    this.cursor = "";
  }

  denies(sessionId, keyId) {
    return this.sessions.has(sessionId) || this.keys.has(keyId);
  }

  /**
   * Add a piece that was requested with `cursor`; returns whether to request more right now.
   * Throws UnknownKeyError for a new key, and InvalidTokenError for a piece that cannot be trusted: forged, old (cached
   * or replayed), or not beginning where the last one ended. WrongIssuerError is one of them, for a piece of another
   * issuer.
   */
  async take(piece, keys, now) {
    const alive = new Map([...keys].filter(([kid]) => !this.keys.has(kid)));
    const { kid, said } = await read(piece, KIND, alive);
    if (said.iss !== this.issuer) throw new WrongIssuerError(this.issuer, said.iss);
    if (!this.#isToBeBelieved(said, now)) throw new InvalidTokenError("the feed cannot be believed");
    for (const [name, until] of Object.entries(said.keys)) this.keys.set(name, until);
    if (this.keys.has(kid)) throw new InvalidTokenError("a key that is killed may have said anything");
    for (const [name, until] of Object.entries(said.sessions)) this.sessions.set(name, until);
    this.madeAt = Math.max(said.iat, this.madeAt);
    this.cursor = said.next;
    this.#sweep(now);
    return said.more === true;
  }

  #isToBeBelieved({ since, sessions, keys, next, iat, exp }, now) {
    return (
      (since === "" || since === this.cursor) &&
      areTimes(sessions) &&
      areTimes(keys) &&
      typeof next === "string" &&
      Number.isSafeInteger(iat) &&
      Number.isSafeInteger(exp) &&
      iat - this.leeway <= now &&
      now < exp + this.leeway &&
      iat + 2 * this.leeway >= this.madeAt
    );
  }

  #sweep(now) {
    if (now - this.sweptAt < SWEEP) return;
    this.sweptAt = now;
    const oldest = now - this.leeway - MARGIN;
    for (const entries of [this.sessions, this.keys]) {
      for (const [name, until] of entries) if (until <= oldest) entries.delete(name);
    }
  }
}

const areTimes = (entries) => isObject(entries) && Object.values(entries).every(Number.isSafeInteger);
