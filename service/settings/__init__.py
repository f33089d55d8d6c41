"""The settings of the service, and their sources."""

from service.settings.claim_names import require_claim_name
from service.settings.cognito import require_usable_cognito
from service.settings.files import require_private
from service.settings.lazy_migration import LazyMigrationSettings
from service.settings.load import ENVIRONMENT, Settings, load
from service.settings.mail_url import INBOX, MailServer, MailTls, keeps_mails, mail_server, mailbox
from service.settings.sections import (
    AccountSettings,
    AdminSettings,
    ApiKeySettings,
    AuditSettings,
    CognitoSettings,
    DatabaseSettings,
    EventLoop,
    IntrospectionSettings,
    KeySettings,
    LoggingSettings,
    MailSettings,
    MetricsSettings,
    PageSettings,
    PasskeySettings,
    PasswordEngine,
    PasswordSettings,
    RedisSettings,
    ServerSettings,
    SignUpSettings,
    ThrottleSettings,
    TokenSettings,
    TracingSettings,
)
from service.settings.seed import VARIABLE as SEED
from service.settings.seed import Seed, read_seed
from service.settings.urls import authority, hosts_of, origin_of, split_url, url_here
from service.settings.values import Networks, Rate
from service.settings.variables import as_variables, is_about_settings
from service.settings.webhooks import PREFIX as WEBHOOK_SECRET_PREFIX
from service.settings.webhooks import EndpointSettings, WebhookSettings

__all__ = [
    "ENVIRONMENT",
    "INBOX",
    "SEED",
    "WEBHOOK_SECRET_PREFIX",
    "AccountSettings",
    "AdminSettings",
    "ApiKeySettings",
    "AuditSettings",
    "CognitoSettings",
    "DatabaseSettings",
    "EndpointSettings",
    "EventLoop",
    "IntrospectionSettings",
    "KeySettings",
    "LazyMigrationSettings",
    "LoggingSettings",
    "MailServer",
    "MailSettings",
    "MailTls",
    "MetricsSettings",
    "Networks",
    "PageSettings",
    "PasskeySettings",
    "PasswordEngine",
    "PasswordSettings",
    "Rate",
    "RedisSettings",
    "Seed",
    "ServerSettings",
    "Settings",
    "SignUpSettings",
    "ThrottleSettings",
    "TokenSettings",
    "TracingSettings",
    "WebhookSettings",
    "as_variables",
    "authority",
    "hosts_of",
    "is_about_settings",
    "keeps_mails",
    "load",
    "mail_server",
    "mailbox",
    "origin_of",
    "read_seed",
    "require_claim_name",
    "require_private",
    "require_usable_cognito",
    "split_url",
    "url_here",
]
