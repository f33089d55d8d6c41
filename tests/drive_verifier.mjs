// Lets a test drive the verifier for Node: one JSON call a line comes in, one JSON answer a line goes out. Each call brings
// the time of the test's clock.
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { protect, Verifier } from "tokenhouse-verify";

const time = { now: 0, monotonic: 0 };
const clock = { now: () => time.now, monotonic: () => time.monotonic };
const asked = [];
const fetchIt = globalThis.fetch;
globalThis.fetch = (url, options) => {
  asked.push(new URL(url).pathname);
  return fetchIt(url, options);
};
let verifier;

function outcome(error) {
  return { raised: error.name, message: error.message };
}

const calls = {
  make: ({ issuer, clientId, options }) => {
    verifier = new Verifier(issuer, clientId, { ...options, clock, warn: () => {} });
  },
  start: async () => void (await verifier.start()),
  verify: ({ token }) => verifier.verify(token),
  authenticate: ({ token }) => verifier.authenticate(token),
  judge: ({ tokens }) => Promise.all(tokens.map((token) => verifier.verify(token).then(() => "good", (error) => error.name))),
  refresh: async () => void (await verifier.refresh()),
  staleness: () => verifier.staleness,
  revoked: () => verifier.revoked,
  asked: () => asked.splice(0),
  forgetKeys: () => {
    verifier._keys = new Map();
  },
  serve: async () => {
    const guard = protect(verifier);
    const server = createServer((request, response) =>
      guard(request, response, () => response.end(JSON.stringify({ user: request.tokenhouse.userId }))),
    );
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    return server.address().port;
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { call, now, monotonic, ...rest } = JSON.parse(line);
  Object.assign(time, { now, monotonic });
  try {
    console.log(JSON.stringify({ value: (await calls[call](rest)) ?? null }));
  } catch (error) {
    console.log(JSON.stringify(outcome(error)));
  }
}
process.exit();
