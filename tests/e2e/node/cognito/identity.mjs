// amazon-cognito-identity-js: `node identity.mjs ENDPOINT POOL CLIENT FLOW`.
import identity from "amazon-cognito-identity-js";
import { serve } from "./lines.mjs";

const [endpoint, UserPoolId, ClientId, flow] = process.argv.slice(2);
const pool = new identity.CognitoUserPool({ UserPoolId, ClientId, endpoint });
let user;

const called = (call) =>
  new Promise((resolve, reject) => call((error, value) => (error ? reject(error) : resolve(value))));
const handled = (call) => new Promise((onSuccess, onFailure) => call({ onSuccess, onFailure }));

function named(Username) {
  user = new identity.CognitoUser({ Username, Pool: pool });
  user.setAuthenticationFlowType(flow);
  return user;
}

function step(call) {
  return new Promise((resolve, onFailure) =>
    call({
      onSuccess: () => resolve(tokens()),
      onFailure,
      totpRequired: () => resolve({ challenge: "SOFTWARE_TOKEN_MFA" }),
      mfaRequired: () => resolve({ challenge: "SMS_MFA" }),
      newPasswordRequired: () => resolve({ challenge: "NEW_PASSWORD_REQUIRED" }),
    }),
  );
}

function tokens() {
  const session = user.getSignInUserSession();
  return { access: session.getAccessToken().getJwtToken(), id: session.getIdToken().getJwtToken() };
}

await serve({
  async sign_up({ email, password, given_name }) {
    const attributes = Object.entries({ email, given_name }).map(
      ([Name, Value]) => new identity.CognitoUserAttribute({ Name, Value }),
    );
    const done = await called((then) => pool.signUp(email, password, attributes, null, then));
    return { id: done.userSub };
  },
  log_in: ({ username, password }) =>
    step((handler) =>
      named(username).authenticateUser(
        new identity.AuthenticationDetails({ Username: username, Password: password }),
        handler,
      ),
    ),
  answer: ({ code }) => step((handler) => user.sendMFACode(code, handler, "SOFTWARE_TOKEN_MFA")),
  async user() {
    const data = await called((then) => user.getUserData(then, { bypassCache: true }));
    const attributes = Object.fromEntries(data.UserAttributes.map(({ Name, Value }) => [Name, Value]));
    return { id: data.Username, attributes, preferred: data.PreferredMfaSetting ?? "" };
  },
  async update({ name, value }) {
    const attribute = new identity.CognitoUserAttribute({ Name: name, Value: value });
    await called((then) => user.updateAttributes([attribute], then));
  },
  associate: () =>
    new Promise((resolve, onFailure) =>
      user.associateSoftwareToken({ associateSecretCode: (secret) => resolve({ secret }), onFailure }),
    ),
  async enrol({ code }) {
    await handled((handler) => user.verifySoftwareToken(code, "phone", handler));
    await called((then) => user.setUserMfaPreference(null, { Enabled: true, PreferredMfa: true }, then));
  },
  async refresh() {
    await called((then) => user.refreshSession(user.getSignInUserSession().getRefreshToken(), then));
    return tokens();
  },
  change_password: ({ old, password }) => called((then) => user.changePassword(old, password, then)),
  async forgot({ username }) {
    const said = await handled((handler) => named(username).forgotPassword(handler));
    return { destination: said.CodeDeliveryDetails.Destination };
  },
  reset: ({ username, code, password }) =>
    handled((handler) => named(username).confirmPassword(code, password, handler)),
  sign_out_everywhere: () => handled((handler) => user.globalSignOut(handler)),
  delete: () => called((then) => user.deleteUser(then)),
});
