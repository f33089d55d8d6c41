// Verifying Tokenhouse's tokens in another service, without a call per request.
export { protect } from "./protect.mjs";
export { InvalidTokenError } from "./tokens.mjs";
export { IssuerError, StaleError, Verifier } from "./verifier.mjs";
