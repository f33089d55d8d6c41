import type { IncomingMessage, ServerResponse } from "node:http";

/** What a good token says; `all` holds every claim. */
export interface Claims {
  readonly userId: string;
  readonly sessionId: string;
  readonly tokenId: string;
  readonly keyId: string;
  /** Unix time in seconds. */
  readonly expiresAt: number;
  readonly all: Readonly<Record<string, unknown>>;
}

/** Times in seconds. */
export interface Options {
  /** Where the service is reached, if not at its issuer. */
  baseUrl?: string;
  /** Which tokens are taken; `id` by default. */
  use?: "id" | "access";
  poll?: number;
  maxStaleness?: number;
  /** By how much clocks may differ. */
  leeway?: number;
  clock?: { now(): number; monotonic(): number };
  /** Is told, in one line without secrets, when the service cannot be reached; `console.warn` by default. */
  warn?: (message: string) => void;
}

/** Not to be let in. Answer 401. */
export class InvalidTokenError extends Error {}
/** The service signs as another issuer than this verifier was told. */
export class WrongIssuerError extends InvalidTokenError {}
/** Nothing was heard of the service for too long. Answer 503. */
export class StaleError extends Error {}

export class Verifier {
  constructor(issuer: string, clientId: string, options?: Options);
  start(): Promise<this>;
  stop(): void;
  verify(token: string): Promise<Claims>;
  authenticate(token: string): Promise<Claims>;
  refresh(): Promise<void>;
  readonly staleness: number;
  readonly revoked: number;
}

export function protect(
  verifier: Pick<Verifier, "authenticate">,
): (
  request: IncomingMessage & { tokenhouse?: Claims },
  response: ServerResponse,
  next: (error?: unknown) => unknown,
) => Promise<unknown>;
