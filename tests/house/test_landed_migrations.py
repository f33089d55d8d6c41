"""A landed migration is never edited, its comments included: databases know each by its digest."""

import hashlib

from tests.conftest import ROOT

LANDED = {
    "0001_first_house.sql": "9f580e78860abfd4",
    "0002_key_life.sql": "1cd72688f14aaf15",
    "0003_key_overlap_and_recall.sql": "ede950da831f5874",
    "0004_revocation_feed.sql": "23cec00721cef08a",
    "0005_audit.sql": "f4a803689609277a",
    "0006_revocation_indexes.sql": "1d70039df1fe6462",
    "0007_audit_operator.sql": "02992a64a4fdff9b",
    "0008_longest_lives.sql": "d5fa6ac4d856b93d",
    "0009_pending_endings.sql": "e82763cc06aeeceb",
    "0010_accounts.sql": "03f12369b63a5f15",
    "0011_mails.sql": "50e23b4c9756392e",
    "0012_second_factors.sql": "c3c6eb8ea505fe43",
    "0013_named_api_keys.sql": "f44d53bd8ab5c886",
    "0014_cognito.sql": "6fdd2755ffab881b",
    "0015_administration.sql": "44f2a6c214e5f172",
    "0017_webhooks.sql": "1f51b470361ce204",
    "0018_invitations_and_claims.sql": "fbcc0603f81c5621",
    "0019_admins.sql": "bf6a64aeb6836bdf",
}


def test_a_landed_migration_is_as_it_landed() -> None:
    """Add the digest of a new one here with the migration; never change one that is there."""
    found = {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()[:16]
        for file in (ROOT / "sql/migrations").glob("*.sql")
    }
    assert found == LANDED
