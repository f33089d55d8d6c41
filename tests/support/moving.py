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
