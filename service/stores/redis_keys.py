"""Every Redis key and its lifetime.

| key                         | type   | lives for                                     | written by      |
|-----------------------------|--------|-----------------------------------------------|-----------------|
| th:session:<session id>     | hash   | its session, and then its longest token       | login, refresh  |
| th:sessions:<user id>       | zset   | the longest of its sessions' records          | login           |
| th:denied:session:<id>      | string | what is left of the session's longest token   | any revocation  |
| th:denied:token:<jti>       | string | what is left of that token                    | logout          |
| th:denied:key:<kid>         | string | 30 days: its holder can forge tokens' dates   | a leaked key    |
| th:challenge:<digest>       | hash   | 5 m: a login that waits for a second factor   | a right password |
| th:passkey:<digest>         | string | 5 m: a challenge of WebAuthn, and its purpose | options         |
| th:sign-in:<id>             | hash   | what is left of the sign-in session, and 1 m  | an answer to it |
| th:srp:<digest>             | string | what is left of a used block, and a minute    | SRP's last step |
| th:totp:{<user id>}         | string | 10 m: a sealed secret not confirmed yet       | enrolment       |
| th:totp:{<user id>}:session | string | 10 m: one that no password was shown for      | enrolment       |
| th:complete                 | string | 50 s, prolonged while an instance runs        | a restore       |
| th:code:{<user id>}:<kind>  | hash   | what is left of the mail's code, 24 h at most | the mail worker |

In Redis Cluster the denylist is divided into partitions, each in a slot of its own with an epoch marker of its own:
th:denied:session{00}:<session id> and th:complete{00}, up to {ff}. A session's own entry, those of its tokens and a
copy of those of all keys are in the partition that the session's id hashes to.

Unchecked input never becomes part of a key: the shape of ids is validated first, all else is digested.
"""

from uuid import UUID

PREFIX = "th:"
EPOCH = f"{PREFIX}complete"  # names the server that holds every entry, by its identity


def session(session_id: str) -> str:
    return f"{PREFIX}session:{session_id}"


def sessions_of(user_id: UUID) -> str:
    return f"{PREFIX}sessions:{user_id}"


def denied_session(session_id: str, partition: str = "") -> str:
    return f"{PREFIX}denied:session{partition}:{session_id}"


def denied_key(key_id: str, partition: str = "") -> str:
    return f"{PREFIX}denied:key{partition}:{key_id}"


def denied_token(token_id: str, partition: str = "") -> str:
    return f"{PREFIX}denied:token{partition}:{token_id}"


def challenge(digest: str) -> str:
    return f"{PREFIX}challenge:{digest}"


def unconfirmed_totp(user_id: UUID) -> str:
    return f"{PREFIX}totp:{{{user_id}}}"


def unconfirmed_totp_by_session(user_id: UUID) -> str:
    return f"{PREFIX}totp:{{{user_id}}}:session"


def passkey(digest: str) -> str:
    return f"{PREFIX}passkey:{digest}"


def used_srp_block(digest: str) -> str:
    return f"{PREFIX}srp:{digest}"


def sign_in(session_id: str) -> str:
    return f"{PREFIX}sign-in:{session_id}"


def epoch(partition: str) -> str:
    return f"{EPOCH}{partition}"


def code(user_id: UUID, kind: str) -> str:
    """`kind` is one of ours: of the mail that the code is in."""
    return f"{PREFIX}code:{{{user_id}}}:{kind}"


def probe() -> str:
    """Never written: used to test the user's rights."""
    return f"{PREFIX}probe"


# --- limits
#
# | key                                | type   | lives for                                        | written by       |
# |------------------------------------|--------|--------------------------------------------------|------------------|
# | th:limit:{login}:<row>:<who>       | hash   | until its failures have drained                  | login            |
# | th:limit:{login}:in-a-row:<digest> | string | 24 h after the last failure of an unknown source | a wrong password |
# | th:limit:{login}:known:<digest>    | string | throttle.known_source_lifetime                   | a right password |
# | th:limit:{<decision>}:<row>:<who>  | string | until its charges have drained                   | all other limits |
#
# All rows of one decision share a hash tag, so that one script may touch them, in Redis Cluster too.


def limit(decision: str, row: str, who: str = "") -> str:
    """`who` is a source as `http/client_address.py` formats it, or a keyed digest."""
    return f"{PREFIX}limit:{{{decision}}}:{row}:{who}"
