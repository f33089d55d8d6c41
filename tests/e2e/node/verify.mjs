// Verifies tokens with one library: `node verify.mjs LIBRARY JWKS_URL ISSUER AUDIENCE`.
// One token a line comes in; one JSON line a token goes out: {"sub"} when it is good, {"refused"} when it is not.
import { createInterface } from "node:readline";
import { JwtVerifier } from "aws-jwt-verify";
import { SimpleJwksCache } from "aws-jwt-verify/jwk";
import { createRemoteJWKSet, jwtVerify } from "jose";

const [library, jwksUri, issuer, audience] = process.argv.slice(2);

function withJose() {
  const keys = createRemoteJWKSet(new URL(jwksUri));
  return async (token) => (await jwtVerify(token, keys, { issuer, audience })).payload;
}

function withAwsJwtVerify() {
  // By itself the library fetches over https only, which tests on this machine do not speak. The cache is its own.
  const fetcher = { fetch: async (uri) => (await fetch(uri)).arrayBuffer() };
  const verifier = JwtVerifier.create({ issuer, audience, jwksUri }, { jwksCache: new SimpleJwksCache({ fetcher }) });
  return (token) => verifier.verify(token);
}

const verify = { jose: withJose, "aws-jwt-verify": withAwsJwtVerify }[library]();
for await (const token of createInterface({ input: process.stdin })) {
  try {
    const { sub } = await verify(token);
    console.log(JSON.stringify({ sub }));
  } catch (error) {
    console.log(JSON.stringify({ refused: error.code ?? error.constructor.name }));
  }
}
