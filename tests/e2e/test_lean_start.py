"""A start imports no library that the settings did not ask for."""

import subprocess
import sys

import pytest

from tests.conftest import ROOT

LOADED = "import sys, service.__main__; print(*sorted({name.partition('.')[0] for name in sys.modules}))"


@pytest.mark.parametrize(
    "library", ["rich", "opentelemetry", "prometheus_client", "aiosmtplib", "jinja2", "webauthn", "cbor2"]
)
def test_a_library_that_is_merely_installed_is_not_imported(library: str) -> None:
    pytest.importorskip(library)
    loaded = subprocess.run([sys.executable, "-c", LOADED], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert library not in loaded.split()


def test_a_start_reads_no_certificate_authorities() -> None:
    """aiohttp's client, which comes along with its server, would; the function that does is in its place afterwards."""
    look = (
        "import ssl, service.__main__, aiohttp.connector as client;"
        "print(len(client._SSL_CONTEXT_VERIFIED.get_ca_certs()), ssl.SSLContext.load_default_certs.__module__)"
    )
    said = subprocess.run([sys.executable, "-c", look], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert said.split() == ["0", "ssl"]
