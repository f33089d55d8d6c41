"""A program on the generated client: `python program.py BASE_URL`. Prints what it got, as JSON."""

import json
import sys

from tokenhouse_client.api.account import get_auth_me
from tokenhouse_client.api.sessions import get_auth_sessions
from tokenhouse_client.api.sign_in import post_auth_login, post_auth_logout, post_auth_refresh, post_auth_signup
from tokenhouse_client.client import AuthenticatedClient, Client
from tokenhouse_client.models import (
    InvalidCodeOrInvalidCredentialsOrSecondFactorRequiredProblem,
    InvalidFieldsProblem,
    InvalidTokenProblem,
    Login,
    Logout,
    Profile,
    Refresh,
    Refreshed,
    Sessions,
    SignedIn,
    SignedUp,
    SignUp,
)

EMAIL, PASSWORD = "ada@example.com", "SecurePass1!"

client = Client(base_url=sys.argv[1])
signed_up = post_auth_signup.sync(
    client=client, body=SignUp(email=EMAIL, password=PASSWORD, first_name="Ada", last_name="Lovelace")
)
assert isinstance(signed_up, SignedUp)
tokens = post_auth_login.sync(client=client, body=Login(email=EMAIL, password=PASSWORD))
assert isinstance(tokens, SignedIn)
member = AuthenticatedClient(base_url=sys.argv[1], token=tokens.id_token)
me = get_auth_me.sync(client=member)
assert isinstance(me, Profile)
sessions = get_auth_sessions.sync(client=member)
assert isinstance(sessions, Sessions)
refreshed = post_auth_refresh.sync(client=client, body=Refresh(refresh_token=tokens.refresh_token))
assert isinstance(refreshed, Refreshed)
wrong = post_auth_login.sync(client=client, body=Login(email=EMAIL, password="Wrong-Pass1!"))
assert isinstance(wrong, InvalidCodeOrInvalidCredentialsOrSecondFactorRequiredProblem)
blank = post_auth_login.sync(client=client, body=Login(email=EMAIL, password=" "))
assert isinstance(blank, InvalidFieldsProblem)
assert isinstance(blank.errors, list)
logout = post_auth_logout.sync_detailed(client=member, body=Logout(access_token=tokens.access_token))
after = get_auth_me.sync(client=member)
assert isinstance(after, InvalidTokenProblem)

got = {
    "isSame": me.user_id == signed_up.user_id,
    "sessions": [one.current for one in sessions.sessions],
    "hasNewToken": refreshed.id_token != tokens.id_token,
    "wrong": wrong.code.value,
    "blank": [f"{one.field} {one.code.value}" for one in blank.errors],
    "logout": logout.status_code,
    "after": after.code.value,
}
sys.stdout.write(json.dumps(got))
