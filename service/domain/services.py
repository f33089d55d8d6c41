"""The domain objects that request handlers may use."""

from collections.abc import Sequence
from dataclasses import dataclass

from service.domain.accounts.accounts import Accounts
from service.domain.accounts.factor_setup import FactorSetup
from service.domain.accounts.factors import Factors
from service.domain.accounts.member_passkeys import MemberPasskeys
from service.domain.accounts.named_api_keys import NamedApiKeys
from service.domain.accounts.new_accounts import NewAccounts
from service.domain.accounts.profiles import Profiles
from service.domain.administration.admin_tokens import AdminTokens
from service.domain.administration.administration import Administration
from service.domain.administration.admins import Admins
from service.domain.administration.oversight import Oversight
from service.domain.administration.overview import Overview
from service.domain.app_clients import AppClients
from service.domain.clock_watch import ClockWatch
from service.domain.operations.readiness import Readiness
from service.domain.passwords.passwords import Passwords
from service.domain.recovery.recovery import Recovery
from service.domain.resource_servers.clients import ResourceServers
from service.domain.resource_servers.introspection import Introspection
from service.domain.resource_servers.revocation_feed import RevocationFeed
from service.domain.sessions.email_login import EmailLogin
from service.domain.sessions.login import Login
from service.domain.sessions.page_sessions import PageSessions
from service.domain.sessions.sessions import Sessions
from service.domain.sessions.sign_in_sessions import SignInSessions
from service.domain.sessions.srp_login import SrpLogin
from service.domain.sessions.usernames import Usernames
from service.domain.signing.keyring import KeyRing
from service.domain.webhooks.webhooks import Webhooks


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    login: Login
    srp: SrpLogin
    email_login: EmailLogin
    sign_ins: SignInSessions
    page_sessions: PageSessions
    page_factor_setup: FactorSetup  # that opens a session of a page
    usernames: Usernames
    app_clients: AppClients
    sessions: Sessions
    accounts: Accounts
    new_accounts: NewAccounts
    profiles: Profiles
    named_api_keys: NamedApiKeys
    factors: Factors
    factor_setup: FactorSetup
    recovery: Recovery
    passkeys: MemberPasskeys
    passwords: Passwords
    introspection: Introspection
    resource_servers: ResourceServers
    feed: RevocationFeed
    administration: Administration
    admin_tokens: AdminTokens
    oversight: Oversight
    admins: Admins
    overview: Overview
    webhooks: Webhooks
    keys: KeyRing
    issuer: str
    chosen_claims: Sequence[str]  # of those that operators give accounts, what id tokens carry
    base_url: str  # where the calls are: the issuer, without the pool id that Cognito's clients want at its end
    readiness: Readiness
    clock: ClockWatch
