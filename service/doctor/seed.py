"""The seed, whose passwords and secrets are in a file."""

from pathlib import Path
from urllib.parse import urlsplit

from service.doctor.finding import Finding, ok, warning
from service.doctor.loopback import is_loopback
from service.settings import SEED, Seed

CHECK = "seed"


def judge(seed: Seed, file: Path, issuer: str) -> Finding:
    """`file`: the one that the environment names."""
    if is_loopback(urlsplit(issuer).hostname or "") or not (seed.has_passwords or seed.has_secrets):
        return ok(CHECK, str(file))
    advice = f"{SEED} is for development: take passwords and secrets of clients out of the file, or unset it"
    return warning(CHECK, f"{file} has passwords or secrets of clients, for {issuer}", advice)
