// Amplify, version 6: `node amplify.mjs ENDPOINT POOL CLIENT FLOW`.
import { Amplify } from "aws-amplify";
import * as auth from "aws-amplify/auth";
import { serve } from "./lines.mjs";

const [userPoolEndpoint, userPoolId, userPoolClientId, authFlowType] = process.argv.slice(2);
Amplify.configure({ Auth: { Cognito: { userPoolEndpoint, userPoolId, userPoolClientId } } });

async function tokens(options) {
  const { tokens } = await auth.fetchAuthSession(options);
  if (!tokens) return {};
  return { access: tokens.accessToken.toString(), id: tokens.idToken.toString() };
}

async function after({ nextStep }) {
  const challenge = { CONFIRM_SIGN_IN_WITH_TOTP_CODE: "SOFTWARE_TOKEN_MFA", DONE: "" }[nextStep.signInStep];
  return challenge === "" ? tokens() : { challenge: challenge ?? nextStep.signInStep };
}

await serve({
  async sign_up({ email, password, given_name }) {
    const done = await auth.signUp({ username: email, password, options: { userAttributes: { email, given_name } } });
    return { id: done.userId };
  },
  async log_in({ username, password }) {
    await auth.signOut().catch(() => {});
    return after(await auth.signIn({ username, password, options: { authFlowType } }));
  },
  answer: async ({ code }) => after(await auth.confirmSignIn({ challengeResponse: code })),
  async user() {
    const { preferred } = await auth.fetchMFAPreference();
    const { userId } = await auth.getCurrentUser();
    return { id: userId, attributes: await auth.fetchUserAttributes(), preferred: preferred ?? "" };
  },
  async update({ name, value }) {
    await auth.updateUserAttributes({ userAttributes: { [name]: value } });
  },
  async associate() {
    return { secret: (await auth.setUpTOTP()).sharedSecret };
  },
  async enrol({ code }) {
    await auth.verifyTOTPSetup({ code });
    await auth.updateMFAPreference({ totp: "PREFERRED" });
  },
  refresh: () => tokens({ forceRefresh: true }),
  change_password: ({ old, password }) => auth.updatePassword({ oldPassword: old, newPassword: password }),
  async forgot({ username }) {
    const { nextStep } = await auth.resetPassword({ username });
    return { destination: nextStep.codeDeliveryDetails.destination };
  },
  reset: ({ username, code, password }) =>
    auth.confirmResetPassword({ username, confirmationCode: code, newPassword: password }),
  sign_out_everywhere: () => auth.signOut({ global: true }),
  delete: () => auth.deleteUser(),
});
