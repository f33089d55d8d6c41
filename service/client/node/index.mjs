// Verifies Tokenhouse's tokens in another service, without a call per request.
export { protect } from "./protect.mjs";
export { InvalidTokenError, WrongIssuerError } from "./tokens.mjs";
export { StaleError, Verifier } from "./verifier.mjs";
