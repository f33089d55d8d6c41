"""The table of operations: every call of the protocol with what it stands on."""

from collections.abc import Mapping

from service.cognito import (
    attributes,
    challenges,
    devices,
    factors,
    mfa_setup,
    passkeys,
    passwords,
    refreshing,
    revoking,
    sign_in,
    sign_up,
    user_sessions,
)
from service.cognito.operation import (
    CognitoOperation,
    client,
    member,
    member_or_session,
    operation,
    user_of_client,
)

_TABLE = (
    # accounts and their addresses
    operation("SignUp", user_of_client(sign_up.sign_up), hashes=True),
    operation("ConfirmSignUp", user_of_client(sign_up.confirm)),
    operation("ResendConfirmationCode", user_of_client(sign_up.send_code_again)),
    operation("ForgotPassword", user_of_client(passwords.forgot)),
    operation("ConfirmForgotPassword", user_of_client(passwords.confirm_forgot), hashes=True),
    # signing in
    operation("InitiateAuth", client(sign_in.initiate_auth), hashes=True, spared=b"REFRESH_TOKEN"),
    operation("RespondToAuthChallenge", client(challenges.respond_to_auth_challenge)),
    operation("GetTokensFromRefreshToken", client(refreshing.get_tokens_from_refresh_token)),
    operation("RevokeToken", revoking.revoke_token),
    # with an access token
    operation("GetUser", member(attributes.get_user)),
    operation("UpdateUserAttributes", member(attributes.update, "profile-change")),
    operation("DeleteUserAttributes", member(attributes.delete, "profile-change")),
    operation("GetUserAttributeVerificationCode", member(attributes.send_code)),
    operation("VerifyUserAttribute", member(attributes.verify)),
    operation("ChangePassword", member(passwords.change), hashes=True),
    operation("DeleteUser", member(attributes.delete_user)),
    # second factors
    operation("AssociateSoftwareToken", member_or_session(factors.associate, mfa_setup.associate)),
    operation("VerifySoftwareToken", member_or_session(factors.verify, mfa_setup.verify, "profile-change")),
    operation("SetUserMFAPreference", member(factors.prefer, "profile-change")),
    operation("GetUserAuthFactors", member(factors.auth_factors)),
    operation("StartWebAuthnRegistration", member(passkeys.start)),
    operation("CompleteWebAuthnRegistration", member(passkeys.complete, "profile-change")),
    operation("ListWebAuthnCredentials", member(passkeys.all_of)),
    operation("DeleteWebAuthnCredential", member(passkeys.delete, "profile-change")),
    # sessions
    operation("GlobalSignOut", member(user_sessions.sign_out)),
    operation("ListUserSessions", member(user_sessions.all_of, "session-list")),
    operation("RevokeUserSession", member(user_sessions.revoke, "session-end")),
    # not here, each said in the words of the protocol
    operation("ConfirmDevice", member(devices.unknown)),
    operation("ForgetDevice", member(devices.unknown)),
    operation("GetDevice", member(devices.unknown)),
    operation("ListDevices", member(devices.all_of)),
    operation("UpdateDeviceStatus", member(devices.unknown)),
    operation("SetUserSettings", member(devices.settings)),
    operation("UpdateAuthEventFeedback", devices.feedback),
)
OPERATIONS: Mapping[str, CognitoOperation] = {one.name: one for one in _TABLE}
