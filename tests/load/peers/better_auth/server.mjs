// better-auth as its documentation sets it up for Node, on Postgres: `node server.mjs serve PORT`, `node server.mjs prepare`
// to add the accounts, `node server.mjs hashes SECONDS AT_ONCE` for the start and when each check of its hash ended.
//
// The environment says where: PGHOST, PGUSER and PGDATABASE, which pg reads. ACCOUNTS and PASSWORD are the accounts'.
import { createServer } from "node:http";
import bcrypt from "bcrypt";
import { betterAuth } from "better-auth";
import { getMigrations } from "better-auth/db/migration";
import { toNodeHandler } from "better-auth/node";
import { Pool } from "pg";

const COST = 12;
const [what, ...words] = process.argv.slice(2);

const settings = (port) => ({
  baseURL: `http://127.0.0.1:${port}`,
  secret: "of-a-benchmark-that-is-gone-in-a-few-minutes",
  database: new Pool({ max: 20 }),
  emailAndPassword: {
    enabled: true,
    password: {
      hash: (password) => bcrypt.hash(password, COST),
      verify: ({ hash, password }) => bcrypt.compare(password, hash),
    },
  },
  session: { cookieCache: { enabled: true, maxAge: 3600 } },
  rateLimit: { enabled: false },
});

async function prepare() {
  const options = settings(0);
  await (await getMigrations(options)).runMigrations();
  const { internalAdapter } = await betterAuth(options).$context;
  const hash = await bcrypt.hash(process.env.PASSWORD, COST);
  for (let number = 0; number < Number(process.env.ACCOUNTS); number += 1) {
    const user = { email: `bench-${number}@example.com`, name: "Ada Lovelace", emailVerified: true };
    const { id } = await internalAdapter.createUser(user);
    await internalAdapter.createAccount({ userId: id, accountId: id, providerId: "credential", password: hash });
  }
  await options.database.end();
}

function serve(port) {
  const answer = toNodeHandler(betterAuth(settings(port)));
  const server = createServer((request, response) => {
    if (request.url === "/readyz") response.end("ready");
    else answer(request, response);
  });
  server.keepAliveTimeout = 75_000;
  server.listen(port, "127.0.0.1");
}

async function hashes(seconds, atOnce) {
  const hash = await bcrypt.hash(process.env.PASSWORD, COST);
  const started = performance.now() / 1000;
  const ends = [];
  const work = async () => {
    while (performance.now() / 1000 < started + seconds) {
      await bcrypt.compare(process.env.PASSWORD, hash);
      ends.push(performance.now() / 1000);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  console.log(JSON.stringify([started, ...ends.filter((end) => end <= started + seconds)])); // later, some threads idle
}

if (what === "prepare") await prepare();
else if (what === "serve") serve(Number(words[0]));
else await hashes(Number(words[0]), Number(words[1]));
