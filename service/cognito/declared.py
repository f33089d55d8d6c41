"""The errors that the protocol's service model declares for each operation, without `Exception`.

Typed clients know no others. Errors of Lambda functions, of SMS and of mail roles are left out: nothing raises them.
"""

from collections.abc import Mapping

COMMON = frozenset(
    {
        "Forbidden",
        "InternalError",
        "InvalidParameter",
        "NotAuthorized",
        "OperationNotEnabled",
        "ResourceNotFound",
        "TooManyRequests",
    }
)
OF_USERS = frozenset({"PasswordResetRequired", "UserNotConfirmed", "UserNotFound"})

DECLARED: Mapping[str, frozenset[str]] = {
    "AssociateSoftwareToken": (COMMON - {"TooManyRequests"})
    | frozenset({"ConcurrentModification", "SoftwareTokenMFANotFound"}),
    "ChangePassword": COMMON
    | OF_USERS
    | frozenset({"InvalidPassword", "LimitExceeded", "PasswordHistoryPolicyViolation"}),
    "CompleteWebAuthnRegistration": (COMMON - {"ResourceNotFound"})
    | frozenset(
        {
            "LimitExceeded",
            "PasswordResetRequired",
            "WebAuthnChallengeNotFound",
            "WebAuthnClientMismatch",
            "WebAuthnCredentialNotSupported",
            "WebAuthnNotEnabled",
            "WebAuthnOriginNotAllowed",
            "WebAuthnRelyingPartyMismatch",
        }
    ),
    "ConfirmDevice": COMMON
    | OF_USERS
    | frozenset({"DeviceKeyExists", "InvalidPassword", "InvalidUserPoolConfiguration", "UsernameExists"}),
    "ConfirmForgotPassword": COMMON
    | frozenset(
        {
            "CodeMismatch",
            "ExpiredCode",
            "InvalidPassword",
            "LimitExceeded",
            "PasswordHistoryPolicyViolation",
            "TooManyFailedAttempts",
            "UserNotConfirmed",
            "UserNotFound",
        }
    ),
    "ConfirmSignUp": COMMON
    | frozenset(
        {"AliasExists", "CodeMismatch", "ExpiredCode", "LimitExceeded", "TooManyFailedAttempts", "UserNotFound"}
    ),
    "DeleteUser": COMMON | OF_USERS,
    "DeleteUserAttributes": COMMON | OF_USERS,
    "DeleteWebAuthnCredential": COMMON | frozenset({"LimitExceeded", "PasswordResetRequired"}),
    "ForgetDevice": COMMON | OF_USERS | frozenset({"InvalidUserPoolConfiguration"}),
    "ForgotPassword": COMMON | frozenset({"CodeDeliveryFailure", "LimitExceeded", "UserNotFound"}),
    "GetDevice": COMMON | OF_USERS | frozenset({"InvalidUserPoolConfiguration"}),
    "GetTokensFromRefreshToken": COMMON | frozenset({"RefreshTokenReuse", "UserNotFound"}),
    "GetUser": COMMON | OF_USERS,
    "GetUserAttributeVerificationCode": COMMON | OF_USERS | frozenset({"CodeDeliveryFailure", "LimitExceeded"}),
    "GetUserAuthFactors": COMMON | OF_USERS,
    "GlobalSignOut": COMMON | frozenset({"PasswordResetRequired", "UserNotConfirmed"}),
    "InitiateAuth": COMMON
    | OF_USERS
    | frozenset({"FeatureUnavailableInTier", "InvalidUserPoolConfiguration", "UnsupportedOperation"}),
    "ListDevices": COMMON | OF_USERS | frozenset({"InvalidUserPoolConfiguration"}),
    "ListUserSessions": COMMON | OF_USERS,
    "ListWebAuthnCredentials": (COMMON - {"ResourceNotFound"}) | frozenset({"LimitExceeded", "PasswordResetRequired"}),
    "ResendConfirmationCode": COMMON | frozenset({"CodeDeliveryFailure", "LimitExceeded", "UserNotFound"}),
    "RespondToAuthChallenge": COMMON
    | OF_USERS
    | frozenset(
        {
            "AliasExists",
            "CodeMismatch",
            "ExpiredCode",
            "InvalidPassword",
            "InvalidUserPoolConfiguration",
            "MFAMethodNotFound",
            "PasswordHistoryPolicyViolation",
            "SoftwareTokenMFANotFound",
        }
    ),
    "RevokeToken": (COMMON - {"NotAuthorized", "ResourceNotFound"})
    | frozenset({"Unauthorized", "UnsupportedOperation", "UnsupportedTokenType"}),
    "RevokeUserSession": COMMON | OF_USERS,
    "SetUserMFAPreference": (COMMON - {"TooManyRequests"}) | OF_USERS,
    "SetUserSettings": (COMMON - {"TooManyRequests"}) | OF_USERS,
    "SignUp": COMMON | frozenset({"CodeDeliveryFailure", "InvalidPassword", "LimitExceeded", "UsernameExists"}),
    "StartWebAuthnRegistration": (COMMON - {"ResourceNotFound"})
    | frozenset({"LimitExceeded", "PasswordResetRequired", "WebAuthnConfigurationMissing", "WebAuthnNotEnabled"}),
    "UpdateAuthEventFeedback": (COMMON - {"Forbidden"}) | frozenset({"UserNotFound", "UserPoolAddOnNotEnabled"}),
    "UpdateDeviceStatus": COMMON | OF_USERS | frozenset({"InvalidUserPoolConfiguration"}),
    "UpdateUserAttributes": COMMON
    | OF_USERS
    | frozenset({"AliasExists", "CodeDeliveryFailure", "CodeMismatch", "ExpiredCode"}),
    "VerifySoftwareToken": COMMON
    | OF_USERS
    | frozenset({"CodeMismatch", "EnableSoftwareTokenMFA", "InvalidUserPoolConfiguration", "SoftwareTokenMFANotFound"}),
    "VerifyUserAttribute": COMMON
    | OF_USERS
    | frozenset({"AliasExists", "CodeMismatch", "ExpiredCode", "LimitExceeded"}),
}
