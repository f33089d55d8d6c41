// A program on the generated types: `node client.js BASE_URL`. Prints what it got, as JSON.
import createClient from "openapi-fetch";
import type { components, paths } from "./api.d.ts";

const [baseUrl = ""] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl });
const person = { email: "ada@example.com", password: "SecurePass1!" };

function must<T>(value: T | undefined, error: unknown): T {
  if (value === undefined) throw new Error(JSON.stringify(error));
  return value;
}

/** Does not compile when logging in may be refused with a code that is not listed here, or never with one that is. */
function whyNoLogin(problem: LoginProblem): string {
  switch (problem.code) {
    case "invalid_credentials":
    case "invalid_code":
      return "wrong";
    case "second_factor_required":
      return problem.challenge ?? "";
    case "email_not_verified":
      return "not yet";
    case "invalid_fields":
      return problem.errors?.map(({ field, code }: components["schemas"]["FieldProblem"]) => `${field} ${code}`).join() ?? "";
    case "rate_limited":
    case "overloaded":
    case "unavailable":
      return "later";
    case "malformed_json":
    case "malformed_request":
    case "body_too_large":
    case "request_timeout":
    case "unsupported_media_type":
    case "internal":
      return "defect";
  }
}

const signedUp = await client.POST("/auth/signup", { body: { ...person, firstName: "Ada", lastName: "Lovelace" } });
const { userId } = must(signedUp.data, signedUp.error);
const login = await client.POST("/auth/login", { body: person });
const tokens = must(login.data, login.error);
const headers = { Authorization: `Bearer ${tokens.idToken}` };
const me = await client.GET("/auth/me", { headers });
const sessions = await client.GET("/auth/sessions", { headers });
const refreshed = await client.POST("/auth/refresh", { body: { refreshToken: tokens.refreshToken } });
const wrong = await client.POST("/auth/login", { body: { ...person, password: "Wrong-Pass1!" } });
type LoginProblem = NonNullable<typeof wrong.error>;
const blank = await client.POST("/auth/login", { body: { email: person.email, password: " " } });
const logout = await client.POST("/auth/logout", { headers, body: { accessToken: tokens.accessToken } });
const after = await client.GET("/auth/me", { headers });

console.log(
  JSON.stringify({
    isSame: must(me.data, me.error).userId === userId,
    sessions: must(sessions.data, sessions.error).sessions.map((one) => one.current),
    hasNewToken: must(refreshed.data, refreshed.error).idToken !== tokens.idToken,
    wrong: wrong.error && whyNoLogin(wrong.error),
    blank: blank.error && whyNoLogin(blank.error),
    logout: logout.response.status,
    after: after.error?.code,
  }),
);
