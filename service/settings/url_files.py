"""The files that a store's URL names, and those that asyncpg looks for by itself: checked before the first connection.

The drivers' errors name no file, and are the same as those for a server that is not up yet.
"""

import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import SplitResult

from service.operator_errors import ConfigurationError
from service.settings.url_options import options_of

VERIFYING = ("verify-ca", "verify-full")
DISABLED = "disable"
VARIABLES = {"sslrootcert": "PGSSLROOTCERT", "sslcrl": "PGSSLCRL", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY"}


class PostgresFiles:
    """The files of one URL: named by an option or by a variable of libpq, otherwise in the home directory."""

    def __init__(self, name: str, parts: SplitResult, variables: Mapping[str, str]) -> None:
        self._name = name
        self._options = options_of(name, parts)
        self._variables = variables
        self._has_password = bool(parts.password or self._options.get("password") or variables.get("PGPASSWORD"))
        self._is_socket = not parts.hostname and (self._options.get("host") or "/").startswith("/")
        self._home = _home()

    def require_usable(self) -> None:
        """Raises ConfigurationError, naming the file."""
        if not self._has_password:
            self._password()
        mode = self._options.get("sslmode") or self._variables.get("PGSSLMODE") or ""
        if mode == DISABLED or (self._is_socket and not mode):
            return
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if mode in (*VERIFYING, "require"):
            self._load("sslrootcert", "root.crt", context.load_verify_locations, is_needed=mode in VERIFYING)
            self._load("sslcrl", "root.crl", context.load_verify_locations)
        key = self._named("sslkey") or self._default("postgresql.key")
        password = self._options.get("sslpassword", "")
        self._load("sslcert", "postgresql.crt", lambda file: context.load_cert_chain(file, key, lambda: password))

    def _password(self) -> None:
        named = self._options.get("passfile") or self._variables.get("PGPASSFILE")
        if file := Path(named) if named else self._home and self._home / ".pgpass":
            self._exists(file)

    def _load(self, option: str, default: str, load: Callable[[Path], None], *, is_needed: bool = False) -> None:
        file = self._named(option) or self._default(default)
        if file is None and is_needed:
            raise ConfigurationError(
                f"{self._name}: this sslmode needs the certificate of the authority that the server's is signed by: add"
                f" {option}=FILE"
            )
        if file is not None:
            _read(f"{self._name}: {option}", file, load)

    def _named(self, option: str) -> Path | None:
        text = self._options.get(option) or self._variables.get(VARIABLES[option])
        return Path(text) if text else None

    def _default(self, file: str) -> Path | None:
        path = self._home and self._home / ".postgresql" / file
        return path if path is not None and self._exists(path) else None

    def _exists(self, file: Path) -> bool:
        try:
            file.stat()
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise ConfigurationError(
                f"{self._name}: asyncpg looks for {file}, and may not ({error.strerror}): set HOME to a directory that"
                " the service's user can read"
            ) from None
        return True


def require_usable_redis_files(name: str, parts: SplitResult) -> None:
    """Raises ConfigurationError, naming the file."""
    options = options_of(name, parts)
    certificate, key = options.get("ssl_certfile"), options.get("ssl_keyfile")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if authority := options.get("ssl_ca_certs"):
        _read(f"{name}: ssl_ca_certs", Path(authority), context.load_verify_locations)
    if (directory := options.get("ssl_ca_path")) and not Path(directory).is_dir():
        raise ConfigurationError(f"{name}: ssl_ca_path: {directory} is no directory")
    if key and not certificate:
        raise ConfigurationError(f"{name}: ssl_keyfile belongs to a certificate: add ssl_certfile=FILE")
    if certificate:
        password = options.get("ssl_password", "")
        _read(
            f"{name}: ssl_certfile",
            Path(certificate),
            lambda file: context.load_cert_chain(file, key or None, lambda: password),
        )


def _read(what: str, file: Path, load: Callable[[Path], None]) -> None:
    try:
        file.open("rb").close()
        load(file)
    except ssl.SSLError:
        raise ConfigurationError(
            f"{what}: {file} does not hold what it should: certificates in PEM, with the key that belongs to them"
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{what}: {file}: {error.strerror}") from None


def _home() -> Path | None:
    try:
        return Path.home()
    except (RuntimeError, KeyError):
        return None
