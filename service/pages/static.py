"""Style sheets, scripts and the logo: read once, served under a name that changes with the content."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from service.http.errors import NotFoundError
from service.http.responses import Response
from service.operator_errors import ConfigurationError

HERE = Path(__file__).parent / "static"
TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".webp": "image/webp",
}
FOREVER = "public, max-age=31536000, immutable"
INERT = "default-src 'none'; style-src 'unsafe-inline'; sandbox"  # what an image may do that is opened by itself
MOST_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class StaticFile:
    content: bytes
    media_type: str


class StaticFiles:
    def __init__(self, own: Mapping[str, Path | None]) -> None:
        """`own` are an operator's files by their settings' names. Raises ConfigurationError for an unusable one."""
        files = {file.stem: (file, "") for file in HERE.iterdir() if file.suffix in TYPES}
        files |= {name: (file, f"pages.{name}") for name, file in own.items() if file}
        self._paths: dict[str, str] = {}
        self._files: dict[str, StaticFile] = {}
        for name, (file, setting) in files.items():
            content = _content(file, setting)
            digest = hashlib.sha256(content).hexdigest()[:16]
            self._paths[name] = f"/static/{name}.{digest}{file.suffix.lower()}"
            self._files[self._paths[name].removeprefix("/static/")] = StaticFile(content, TYPES[file.suffix.lower()])

    def path_of(self, name: str) -> str:
        return self._paths[name]

    async def serve(self, request: web.Request) -> web.Response:
        """Raises NotFoundError."""
        if (file := self._files.get(request.match_info["file"])) is None:
            raise NotFoundError
        headers = {"Content-Type": file.media_type, "Cache-Control": FOREVER, "Content-Security-Policy": INERT}
        return Response(body=file.content, headers=headers)


def _content(file: Path, setting: str) -> bytes:
    if not setting:
        return file.read_bytes()
    allowed = (".css",) if setting == "pages.stylesheet" else (".svg", ".png", ".webp")
    if file.suffix.lower() not in allowed:
        raise ConfigurationError(f"{setting}: {file} must be one of {', '.join(allowed)}")
    try:
        content = file.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{setting}: {file} cannot be read: {error.strerror}") from None
    if len(content) > MOST_BYTES:
        raise ConfigurationError(f"{setting}: {file} is larger than 1 MiB")
    return content
