"""Files of other systems, with people in them, and imports of such files."""

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from service.domain.transfer import formats
from service.domain.transfer.formats import FirebaseKey
from service.domain.transfer.models import ImportReport, RefusedLine
from tests.conftest import OnFakes
from tests.support import foreign_vectors as vectors

ID = "7b1f2c9e-3f0a-4c52-9c0d-0a1b2c3d4e5f"
KEY = FirebaseKey(signer_key=vectors.FIREBASE_SIGNER_KEY, separator=vectors.FIREBASE_SEPARATOR, rounds=8, mem_cost=14)


def lines(*records: object) -> bytes:
    return "".join(json.dumps(record) + "\n" for record in records).encode()


def firebase(*people: Mapping[str, Any]) -> bytes:
    return json.dumps({"users": list(people)}, indent=2).encode()


def keycloak(*people: Mapping[str, Any]) -> bytes:
    clients = [{"clientId": f"client-{number}", "redirectUris": ["https://example.com/*"]} for number in range(50)]
    return json.dumps({"realm": "main", "clients": clients, "users": list(people), "roles": {}}, indent=1).encode()


async def run_import(
    fakes: OnFakes, content: bytes, name: str = "jsonl", *, key: FirebaseKey | None = None, **options: bool
) -> tuple[ImportReport, Sequence[RefusedLine]]:
    refusals: list[RefusedLine] = []
    read = formats.of(name, key).read(io.BufferedReader(io.BytesIO(content)))
    report = await fakes.application.imports.run(read, refusals.append, **options)
    assert report.refused == len(refusals)
    return report, refusals


# What becomes of each column of `users`, for an account that is exported with its hash and imported elsewhere. Who adds a
# column decides it here, in `stores/moves.py`, in the export, in the format `jsonl`, and in docs/moving.md.
MOVES = (
    "id",
    "email",
    "canonical_email",
    "first_name",
    "last_name",
    "password_hash",
    "created_at",
    "email_verified_at",
    "groups",
    "language",
    "attributes",
    "claims",
    "must_prove_address",
)
STAYS = {
    "disabled_at": "whether moves; since when, the trail of the old installation knows",
    "password_changed_at": "from now on: no session or token of the old installation counts here",
    "api_key_sealed": "sealed with the secret of the old installation; everybody gets a new one",
    "api_key_digest": "as above",
    "earlier_api_key_digest": "as above",
    "earlier_api_key_until": "as above",
    "second_factor_since": "second factors are sealed too, and passkeys bound to an origin: they are set up again",
}
