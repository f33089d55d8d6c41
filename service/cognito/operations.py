"""The table of operations: every call of the protocol with what it stands on."""

from collections.abc import Mapping

from service.cognito import attributes, passwords, sign_in, sign_up
from service.cognito.operation import CognitoOperation, client, member, operation, user_of_client

_TABLE = (
    # accounts and their addresses
    operation("SignUp", user_of_client(sign_up.sign_up), hashes=True),
    operation("ConfirmSignUp", user_of_client(sign_up.confirm)),
    operation("ResendConfirmationCode", user_of_client(sign_up.send_code_again)),
    operation("ForgotPassword", user_of_client(passwords.forgot)),
    operation("ConfirmForgotPassword", user_of_client(passwords.confirm_forgot), hashes=True),
    # signing in
    operation("InitiateAuth", client(sign_in.initiate_auth), hashes=True),
    # with an access token
    operation("GetUser", member(attributes.get_user)),
    operation("UpdateUserAttributes", member(attributes.update, "profile-change")),
    operation("DeleteUserAttributes", member(attributes.delete, "profile-change")),
    operation("GetUserAttributeVerificationCode", member(attributes.send_code)),
    operation("VerifyUserAttribute", member(attributes.verify)),
    operation("ChangePassword", member(passwords.change), hashes=True),
    operation("DeleteUser", member(attributes.delete_user)),
)
OPERATIONS: Mapping[str, CognitoOperation] = {one.name: one for one in _TABLE}
