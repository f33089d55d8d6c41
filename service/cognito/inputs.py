"""The inputs of the operations: names, types and constraints are those of the protocol's service model."""

from collections.abc import Mapping

from service.cognito.shapes import Document, Flag, ListOf, Number, Structure, Text, Texts, one_of

ATTRIBUTE_NAME = Text(least=1, most=32, pattern=r"[\p{L}\p{M}\p{S}\p{N}\p{P}\t\n\r ]+")
ATTRIBUTE_VALUE = Text(most=2048, is_sensitive=True)
AUTH_FLOW = one_of(
    "USER_SRP_AUTH REFRESH_TOKEN_AUTH REFRESH_TOKEN CUSTOM_AUTH ADMIN_NO_SRP_AUTH USER_PASSWORD_AUTH"
    " ADMIN_USER_PASSWORD_AUTH USER_AUTH"
)
CHALLENGE_NAME = one_of(
    "SMS_MFA EMAIL_OTP SOFTWARE_TOKEN_MFA SELECT_MFA_TYPE MFA_SETUP PASSWORD_VERIFIER CUSTOM_CHALLENGE SELECT_CHALLENGE"
    " DEVICE_SRP_AUTH DEVICE_PASSWORD_VERIFIER ADMIN_NO_SRP_AUTH NEW_PASSWORD_REQUIRED SMS_OTP PASSWORD WEB_AUTHN"
    " PASSWORD_SRP"
)
CLIENT_ID = Text(least=1, most=128, pattern=r"[\w+]+", is_sensitive=True)
CLIENT_SECRET = Text(least=24, most=64, pattern=r"[\w+]+", is_sensitive=True)
CONFIRMATION_CODE = Text(least=1, most=2048, pattern=r"[\S]+", is_sensitive=True)  # the model would show it
DELIVERY_MEDIUM = one_of("SMS EMAIL")
DEVICE_KEY = Text(least=1, most=55, pattern=r"[\w-]+_[0-9a-f-]+")
DEVICE_NAME = Text(least=1, most=1024)
DEVICE_STATUS = one_of("remembered not_remembered")
EVENT_ID = Text(least=1, most=50, pattern=r"[\w+-]+")
FEEDBACK = one_of("Valid Invalid")
PAGINATION_KEY = Text(least=1, most=131072, pattern=r"[\S]+")
PASSWORD = Text(most=256, pattern=r"[\S]+", is_sensitive=True)
ASSOCIATED_SESSIONS = one_of("NONE LINKED")
PAGINATION_TOKEN = Text(least=1, pattern=r"[\S]+")
SECRET_HASH = Text(least=1, most=128, pattern=r"[\w+=/]+", is_sensitive=True)
SESSION_ID = Text(least=28, most=28, pattern=r"^(tkn|sso)[a-z0-9]{25}$")
SESSION = Text(least=20, most=4096, is_sensitive=True)
USER_CODE = Text(least=6, most=6, pattern=r"[0-9]+", is_sensitive=True)
TEXT = Text(most=131072)
TOKEN = Text(pattern=r"[A-Za-z0-9-_=.]+", is_sensitive=True)
POOL_ID = Text(least=1, most=55, pattern=r"[\w-]+_[0-9a-zA-Z]+")
USERNAME = Text(least=1, most=128, pattern=r"[\p{L}\p{M}\p{S}\p{N}\p{P}]+", is_sensitive=True)

_ATTRIBUTE = Structure({"Name": ATTRIBUTE_NAME, "Value": ATTRIBUTE_VALUE}, frozenset({"Name"}))
_MFA_OPTION = Structure({"DeliveryMedium": DELIVERY_MEDIUM, "AttributeName": ATTRIBUTE_NAME})
ATTRIBUTES = ListOf(_ATTRIBUTE)
ATTRIBUTE_NAMES = ListOf(ATTRIBUTE_NAME)
MFA_OPTIONS = ListOf(_MFA_OPTION)
ANALYTICS = Structure({"AnalyticsEndpointId": TEXT})
CONTEXT = Structure({"IpAddress": TEXT, "EncodedData": TEXT})
DEVICE_SECRET = Structure({"PasswordVerifier": TEXT, "Salt": TEXT})
MFA_SETTING = Structure({"Enabled": Flag(), "PreferredMfa": Flag()})
WEB_AUTHN_SETTING = Structure({"Enabled": Flag()})

INPUTS: Mapping[str, Structure] = {
    "AssociateSoftwareToken": Structure({"AccessToken": TOKEN, "Session": SESSION}),
    "ChangePassword": Structure(
        {"PreviousPassword": PASSWORD, "ProposedPassword": PASSWORD, "AccessToken": TOKEN},
        frozenset({"AccessToken", "ProposedPassword"}),
    ),
    "CompleteWebAuthnRegistration": Structure(
        {"AccessToken": TOKEN, "Credential": Document()}, frozenset({"AccessToken", "Credential"})
    ),
    "ConfirmDevice": Structure(
        {
            "AccessToken": TOKEN,
            "DeviceKey": DEVICE_KEY,
            "DeviceSecretVerifierConfig": DEVICE_SECRET,
            "DeviceName": DEVICE_NAME,
        },
        frozenset({"AccessToken", "DeviceKey"}),
    ),
    "ConfirmForgotPassword": Structure(
        {
            "ClientId": CLIENT_ID,
            "SecretHash": SECRET_HASH,
            "Username": USERNAME,
            "ConfirmationCode": CONFIRMATION_CODE,
            "Password": PASSWORD,
            "AnalyticsMetadata": ANALYTICS,
            "UserContextData": CONTEXT,
            "ClientMetadata": Texts(),
        },
        frozenset({"ClientId", "ConfirmationCode", "Password", "Username"}),
    ),
    "ConfirmSignUp": Structure(
        {
            "ClientId": CLIENT_ID,
            "SecretHash": SECRET_HASH,
            "Username": USERNAME,
            "ConfirmationCode": CONFIRMATION_CODE,
            "ForceAliasCreation": Flag(),
            "AnalyticsMetadata": ANALYTICS,
            "UserContextData": CONTEXT,
            "ClientMetadata": Texts(),
            "Session": SESSION,
        },
        frozenset({"ClientId", "ConfirmationCode", "Username"}),
    ),
    "DeleteUser": Structure({"AccessToken": TOKEN}, frozenset({"AccessToken"})),
    "DeleteUserAttributes": Structure(
        {"UserAttributeNames": ATTRIBUTE_NAMES, "AccessToken": TOKEN}, frozenset({"AccessToken", "UserAttributeNames"})
    ),
    "DeleteWebAuthnCredential": Structure(
        {"AccessToken": TOKEN, "CredentialId": TEXT}, frozenset({"AccessToken", "CredentialId"})
    ),
    "ForgetDevice": Structure({"AccessToken": TOKEN, "DeviceKey": DEVICE_KEY}, frozenset({"DeviceKey"})),
    "ForgotPassword": Structure(
        {
            "ClientId": CLIENT_ID,
            "SecretHash": SECRET_HASH,
            "UserContextData": CONTEXT,
            "Username": USERNAME,
            "AnalyticsMetadata": ANALYTICS,
            "ClientMetadata": Texts(),
        },
        frozenset({"ClientId", "Username"}),
    ),
    "GetDevice": Structure({"DeviceKey": DEVICE_KEY, "AccessToken": TOKEN}, frozenset({"DeviceKey"})),
    "GetTokensFromRefreshToken": Structure(
        {
            "RefreshToken": TOKEN,
            "ClientId": CLIENT_ID,
            "ClientSecret": CLIENT_SECRET,
            "DeviceKey": DEVICE_KEY,
            "ClientMetadata": Texts(),
        },
        frozenset({"ClientId", "RefreshToken"}),
    ),
    "GetUser": Structure({"AccessToken": TOKEN}, frozenset({"AccessToken"})),
    "GetUserAttributeVerificationCode": Structure(
        {"AccessToken": TOKEN, "AttributeName": ATTRIBUTE_NAME, "ClientMetadata": Texts()},
        frozenset({"AccessToken", "AttributeName"}),
    ),
    "GetUserAuthFactors": Structure({"AccessToken": TOKEN}, frozenset({"AccessToken"})),
    "GlobalSignOut": Structure({"AccessToken": TOKEN}, frozenset({"AccessToken"})),
    "InitiateAuth": Structure(
        {
            "AuthFlow": AUTH_FLOW,
            "AuthParameters": Texts(),
            "ClientMetadata": Texts(),
            "ClientId": CLIENT_ID,
            "AnalyticsMetadata": ANALYTICS,
            "UserContextData": CONTEXT,
            "Session": SESSION,
        },
        frozenset({"AuthFlow", "ClientId"}),
    ),
    "ListDevices": Structure(
        {"AccessToken": TOKEN, "Limit": Number(0, 60), "PaginationToken": PAGINATION_TOKEN}, frozenset({"AccessToken"})
    ),
    "ListUserSessions": Structure({"AccessToken": TOKEN, "NextToken": PAGINATION_KEY}, frozenset({"AccessToken"})),
    "ListWebAuthnCredentials": Structure(
        {"AccessToken": TOKEN, "NextToken": PAGINATION_KEY, "MaxResults": Number(0, 20)}, frozenset({"AccessToken"})
    ),
    "ResendConfirmationCode": Structure(
        {
            "ClientId": CLIENT_ID,
            "SecretHash": SECRET_HASH,
            "UserContextData": CONTEXT,
            "Username": USERNAME,
            "AnalyticsMetadata": ANALYTICS,
            "ClientMetadata": Texts(),
        },
        frozenset({"ClientId", "Username"}),
    ),
    "RespondToAuthChallenge": Structure(
        {
            "ClientId": CLIENT_ID,
            "ChallengeName": CHALLENGE_NAME,
            "Session": SESSION,
            "ChallengeResponses": Texts(),
            "AnalyticsMetadata": ANALYTICS,
            "UserContextData": CONTEXT,
            "ClientMetadata": Texts(),
        },
        frozenset({"ChallengeName", "ClientId"}),
    ),
    "RevokeToken": Structure(
        {
            "Token": TOKEN,
            "ClientId": CLIENT_ID,
            "ClientSecret": CLIENT_SECRET,
            "RevokeAssociatedSessions": ASSOCIATED_SESSIONS,
        },
        frozenset({"ClientId", "Token"}),
    ),
    "RevokeUserSession": Structure(
        {"AccessToken": TOKEN, "SessionId": SESSION_ID, "RevokeAssociatedSessions": ASSOCIATED_SESSIONS},
        frozenset({"AccessToken", "SessionId"}),
    ),
    "SetUserMFAPreference": Structure(
        {
            "SMSMfaSettings": MFA_SETTING,
            "SoftwareTokenMfaSettings": MFA_SETTING,
            "EmailMfaSettings": MFA_SETTING,
            "WebAuthnMfaSettings": WEB_AUTHN_SETTING,
            "AccessToken": TOKEN,
        },
        frozenset({"AccessToken"}),
    ),
    "SetUserSettings": Structure(
        {"AccessToken": TOKEN, "MFAOptions": MFA_OPTIONS}, frozenset({"AccessToken", "MFAOptions"})
    ),
    "SignUp": Structure(
        {
            "ClientId": CLIENT_ID,
            "SecretHash": SECRET_HASH,
            "Username": USERNAME,
            "Password": PASSWORD,
            "UserAttributes": ATTRIBUTES,
            "ValidationData": ATTRIBUTES,
            "AnalyticsMetadata": ANALYTICS,
            "UserContextData": CONTEXT,
            "ClientMetadata": Texts(),
        },
        frozenset({"ClientId", "Username"}),
    ),
    "StartWebAuthnRegistration": Structure({"AccessToken": TOKEN}, frozenset({"AccessToken"})),
    "UpdateAuthEventFeedback": Structure(
        {
            "UserPoolId": POOL_ID,
            "Username": USERNAME,
            "EventId": EVENT_ID,
            "FeedbackToken": TOKEN,
            "FeedbackValue": FEEDBACK,
        },
        frozenset({"EventId", "FeedbackToken", "FeedbackValue", "UserPoolId", "Username"}),
    ),
    "UpdateDeviceStatus": Structure(
        {"AccessToken": TOKEN, "DeviceKey": DEVICE_KEY, "DeviceRememberedStatus": DEVICE_STATUS},
        frozenset({"AccessToken", "DeviceKey"}),
    ),
    "UpdateUserAttributes": Structure(
        {"UserAttributes": ATTRIBUTES, "AccessToken": TOKEN, "ClientMetadata": Texts()},
        frozenset({"AccessToken", "UserAttributes"}),
    ),
    "VerifySoftwareToken": Structure(
        {"AccessToken": TOKEN, "Session": SESSION, "UserCode": USER_CODE, "FriendlyDeviceName": TEXT},
        frozenset({"UserCode"}),
    ),
    "VerifyUserAttribute": Structure(
        {"AccessToken": TOKEN, "AttributeName": ATTRIBUTE_NAME, "Code": CONFIRMATION_CODE},
        frozenset({"AccessToken", "AttributeName", "Code"}),
    ),
}
