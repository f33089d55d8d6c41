// The verifier: refreshes keys and revocations in the background, verifies tokens without any I/O.
import { createHash } from "node:crypto";
import { Feed } from "./feed.mjs";
import { AUDIENCE, claimsOf, InvalidTokenError, isCompact, keysOf, UnknownKeyError, WrongIssuerError } from "./tokens.mjs";

const JWKS = "/.well-known/jwks.json";
const FEED = "/auth/revocations";
const SHARED = 2; // seconds for which the service and a cache on the way may have kept a piece of the feed
const KEYS_LIVE = 300; // seconds between two requests for the key set
const KEYS_AT_MOST = 10; // ... for a token with an unknown key id
const PATIENCE = 2; // seconds for one request
const SOON = 1; // seconds before a failed poll is retried
const MAX_PIECES = 1_000;
const MAX_BYTES = 4 * 1024 * 1024;
const REMEMBERED = 20_000; // verified tokens in the cache; about 1 KB each

/** The list of revocations is older than `maxStaleness`, or was never received. Respond 503, not 401. */
export class StaleError extends Error {
  name = "StaleError";
}

const CLOCK = { now: () => Date.now() / 1000, monotonic: () => performance.now() / 1000 };

/**
 * A session that ends is refused here after at most `poll` + 2 s + the time of two requests: 8 s by default where those
 * take half a second each. Whatever happens, never later than `maxStaleness`, after which every token is refused with
 * StaleError.
 */
export class Verifier {
  /** Times in seconds. `baseUrl`: the service's address, if not its issuer. Clocks may differ by `leeway`. */
  constructor(issuer, clientId, options = {}) {
    const { baseUrl = issuer, use = "id", poll = 5, maxStaleness = 30, leeway = 5, clock = CLOCK, warn = console.warn } = options;
    if (!Object.hasOwn(AUDIENCE, use)) throw new TypeError("use is id or access");
    if (!/^https?:\/\/[^/]/.test(baseUrl) || !URL.canParse(baseUrl)) {
      const name = options.baseUrl === undefined ? "the issuer" : "baseUrl";
      throw new TypeError(`${name} is no address: say https://auth.example.com, or set baseUrl to where the service is`);
    }
    this._expected = { issuer, clientId, use, leeway };
    this._baseUrl = baseUrl.replace(/\/+$/, "");
    this._poll = poll;
    this._maxStaleness = maxStaleness;
    this._clock = clock;
    this._warn = warn;
    this._keys = new Map();
    this._keysReadAt = this._keysAskedAt = -Infinity;
    this._feed = new Feed(issuer, leeway);
    this._freshAt = -Infinity;
    this._verified = new Map();
    this._failure = "not asked"; // of the last poll
    this._turn = Promise.resolve();
    this._timer = undefined;
    this._isRunning = false;
  }

  /**
   * Starts even if the service is unreachable; until the first poll, every token is refused with StaleError.
   * Throws WrongIssuerError when the service signs as another issuer, which waiting does not fix.
   */
  async start() {
    this._isRunning = true;
    try {
      await this.#keepPolling(true);
    } catch (error) {
      this.stop();
      throw error;
    }
    return this;
  }

  stop() {
    this._isRunning = false;
    clearTimeout(this._timer);
  }

  /** The claims of a token that is valid and not revoked. No I/O. Throws InvalidTokenError or StaleError. */
  async verify(token) {
    this.#refuseWhenStale();
    if (!isCompact(token)) throw new InvalidTokenError("it is malformed: no JWT of three parts");
    const memory = createHash("sha256").update(token).digest("base64");
    let claims = this._verified.get(memory);
    if (!claims) {
      claims = await claimsOf(token, this._keys, this._expected, this._clock.now());
      this._verified.set(memory, claims);
      if (this._verified.size > REMEMBERED) this._verified.delete(this._verified.keys().next().value);
      this.#refuseWhenStale();
    }
    if (this._clock.now() >= claims.expiresAt + this._expected.leeway) throw new InvalidTokenError("it has expired");
    if (!this._keys.has(claims.keyId)) throw new InvalidTokenError("it is signed with a key that is in the key set no more");
    if (this._feed.denies(claims.sessionId, claims.keyId)) {
      throw new InvalidTokenError("its session has ended, or its signing key was revoked");
    }
    return claims;
  }

  /** As `verify`, but fetches the key set for an unknown key, at most every ten seconds. */
  async authenticate(token) {
    try {
      return await this.verify(token);
    } catch (error) {
      if (!(error instanceof UnknownKeyError)) throw error;
    }
    await this.#oneAtATime(() => this.#fetchKeys(KEYS_AT_MOST)).catch((error) =>
      this._warn(`the key set cannot be read: ${error.name}`),
    );
    return this.verify(token);
  }

  /**
   * Seconds: every revocation older than this is known here.
   * Measured with two clocks: a monotonic one stops while a machine is suspended.
   */
  get staleness() {
    const byTheWall = this._clock.now() - this._feed.madeAt - this._expected.leeway;
    return Math.max(this._clock.monotonic() - this._freshAt, byTheWall);
  }

  /** How many sessions are known to be revoked. */
  get revoked() {
    return this._feed.sessions.size;
  }

  /** Poll now. Throws the errors of the request, or InvalidTokenError for a response that cannot be trusted. */
  refresh() {
    return this.#oneAtATime(async () => {
      await this.#fetchKeys(KEYS_LIVE);
      const askedAt = this._clock.monotonic();
      for (let pieces = 0; pieces < MAX_PIECES; pieces++) {
        if (!(await this.#takePiece())) {
          this._freshAt = Math.max(this._freshAt, askedAt - SHARED);
          return;
        }
      }
      throw new InvalidTokenError("the feed has no end");
    });
  }

  #refuseWhenStale() {
    if (this.staleness > this._maxStaleness) {
      throw new StaleError(`${this.#silence()}: ${this._failure}`);
    }
  }

  #silence() {
    const hasHeard = this._freshAt > -Infinity;
    return hasHeard ? `no news of revocations for ${Math.round(this.staleness)} s` : "no news of revocations yet";
  }

  #oneAtATime(work) {
    const done = this._turn.then(work);
    this._turn = done.catch(() => {});
    return done;
  }

  async #takePiece() {
    const piece = await this.#get(`${FEED}?since=${encodeURIComponent(this._feed.cursor)}`);
    try {
      return await this._feed.take(piece, this._keys, this._clock.now());
    } catch (error) {
      if (!(error instanceof UnknownKeyError)) throw error;
      await this.#fetchKeys(0);
      return this._feed.take(piece, this._keys, this._clock.now());
    }
  }

  async #fetchKeys(atMostEvery) {
    const now = this._clock.monotonic();
    if (now - this._keysReadAt < atMostEvery || now - this._keysAskedAt < SOON) return;
    this._keysAskedAt = now;
    this._keys = await keysOf(await this.#get(JWKS));
    this._keysReadAt = now;
  }

  async #get(path) {
    const signal = AbortSignal.timeout(PATIENCE * 1000);
    const answer = await fetch(this._baseUrl + path, { redirect: "error", signal });
    if (answer.status !== 200) {
      await answer.body?.cancel();
      throw new Error(`the service answers ${answer.status}`);
    }
    const parts = [];
    let size = 0;
    for await (const part of answer.body) {
      size += part.length;
      if (size > MAX_BYTES) throw new Error("too large");
      parts.push(part);
    }
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(parts));
  }

  async #keepPolling(isFirst = false) {
    let pause = this._poll;
    try {
      await this.refresh();
    } catch (error) {
      if (isFirst && error instanceof WrongIssuerError) throw error;
      this._failure = inWords(error);
      this._feed.cursor = ""; // after a failure, start again with the whole list
      this._warn(`${this.#silence()}: ${this._failure}`);
      pause = Math.min(SOON, this._poll);
    }
    if (!this._isRunning) return;
    this._timer = setTimeout(() => this.#keepPolling(), pause * 1000);
    this._timer.unref(); // the timer alone keeps no process alive
  }
}

/** The text of other errors may quote an address with a password. */
const inWords = (error) => (error instanceof WrongIssuerError ? error.message : error.name);
