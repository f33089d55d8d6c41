"""Templates that are compiled once a run: each test builds the service anew, and most of that time went into them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import jinja2
import pytest
from jinja2.bccache import Bucket


class CompiledTemplates(jinja2.BytecodeCache):
    """Environments that escape and those that do not have codes of their own."""

    def __init__(self) -> None:
        self._codes: dict[str, bytes] = {}

    def get_bucket(self, environment: jinja2.Environment, name: str, filename: str | None, source: str) -> Bucket:
        key = f"{name}\0{filename}\0{environment.autoescape}\0{environment.trim_blocks}\0{environment.lstrip_blocks}"
        bucket = Bucket(environment, key, self.get_source_checksum(source))
        self.load_bytecode(bucket)
        return bucket

    def load_bytecode(self, bucket: Bucket) -> None:
        if code := self._codes.get(bucket.key):
            bucket.bytecode_from_string(code)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._codes[bucket.key] = bucket.bytecode_to_string()


@contextmanager
def compiled_once() -> Iterator[None]:
    make: Callable[..., None] = jinja2.Environment.__init__
    compiled = CompiledTemplates()

    def make_with_codes(environment: jinja2.Environment, *words: Any, **options: Any) -> None:
        make(environment, *words, **{"bytecode_cache": compiled, **options})

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(jinja2.Environment, "__init__", make_with_codes)
        yield
