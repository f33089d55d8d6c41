"""What is computed once a run: each test builds the service anew, and most of that time went into this."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jinja2
import pytest
from jinja2.bccache import Bucket
from joserfc._rfc7518.rsa_key import RSABinding


class CompiledTemplates(jinja2.BytecodeCache):
    """Environments that escape and those that do not have codes of their own; where the name decides, the name does."""

    def __init__(self) -> None:
        self._codes: dict[str, bytes] = {}

    def get_bucket(self, environment: jinja2.Environment, name: str, filename: str | None, source: str) -> Bucket:
        escapes = "by name" if callable(environment.autoescape) else environment.autoescape
        key = f"{name}\0{filename}\0{escapes}\0{environment.trim_blocks}\0{environment.lstrip_blocks}"
        bucket = Bucket(environment, key, self.get_source_checksum(source))
        self.load_bytecode(bucket)
        return bucket

    def load_bytecode(self, bucket: Bucket) -> None:
        if code := self._codes.get(bucket.key):
            bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._codes[bucket.key] = bucket.bytecode_to_string()


@contextmanager
def opened_once() -> Iterator[None]:
    """Private RSA keys: to check one takes longer than most tests."""
    read = RSABinding.import_private_key
    opened: dict[str, Any] = {}

    def read_once(key: Any) -> Any:
        name = json.dumps(key, sort_keys=True)
        if name not in opened:
            opened[name] = read(key)
        return opened[name]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(RSABinding, "import_private_key", staticmethod(read_once))
        yield


@contextmanager
def compiled_once() -> Iterator[None]:
    make: Callable[..., None] = jinja2.Environment.__init__
    compiled = CompiledTemplates()

    def make_with_codes(environment: jinja2.Environment, *words: Any, **options: Any) -> None:
        make(environment, *words, **{"bytecode_cache": compiled, **options})

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(jinja2.Environment, "__init__", make_with_codes)
        yield
