// Middleware for node:http, Express and others with `(request, response, next)`: only requests with a valid token pass.
import { InvalidTokenError } from "./tokens.mjs";
import { StaleError } from "./verifier.mjs";

const BEARER = /^bearer +([!-~]+)$/i; // RFC 6750 section 2.1

/**
 * Handlers find the caller in `request.tokenhouse`. Responds 401 to a missing or invalid token, and 503 while the list
 * of revocations is too old.
 */
export function protect(verifier) {
  return async (request, response, next) => {
    const sent = request.headersDistinct.authorization ?? [];
    const match = sent.length === 1 ? BEARER.exec(sent[0].trim()) : null;
    try {
      request.tokenhouse = await verifier.authenticate(match ? match[1] : "");
    } catch (error) {
      if (error instanceof InvalidTokenError) {
        const challenge = sent.length > 0 ? 'Bearer error="invalid_token"' : "Bearer";
        return refuse(response, 401, "invalid_token", { "WWW-Authenticate": challenge });
      }
      if (error instanceof StaleError) return refuse(response, 503, "unavailable", { "Retry-After": "5" });
      return next(error);
    }
    return next();
  };
}

/** RFC 9457. */
function refuse(response, status, code, headers) {
  response.writeHead(status, { ...headers, "Content-Type": "application/problem+json", "Cache-Control": "no-store" });
  response.end(JSON.stringify({ type: "about:blank", status, code }));
}
