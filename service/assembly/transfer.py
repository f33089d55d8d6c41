"""Accounts that move in and out."""

from dataclasses import dataclass

from service.assembly.backends import Basis
from service.assembly.credentials import Credentials
from service.domain.transfer.exports import Exports
from service.domain.transfer.imports import Imports


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferParts:
    imports: Imports
    exports: Exports


def build(basis: Basis, known: Credentials) -> TransferParts:
    moves = basis.backends.moves
    return TransferParts(
        imports=Imports(
            moves=moves, api_keys=known.api_keys, ambient=basis.ambient, events=known.events, audit=known.audit
        ),
        exports=Exports(moves=moves, events=known.events, audit=known.audit),
    )
