"""The browsable documentation. This process serves all of its files."""

import html
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from aiohttp import web

from service.api.description import Description, Returns, Tag
from service.api.examples import EXAMPLES, Examples
from service.api.openapi import document
from service.api.operation import Operation
from service.http.errors import NotFoundError
from service.http.responses import Response

OPENAPI: web.AppKey[Callable[[], bytes]] = web.AppKey("openapi")
OPERATIONS = web.AppKey("operations", tuple[Operation, ...])
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self';"
    " frame-ancestors 'none'"
)
START = b"""window.onload = () => SwaggerUIBundle({
  url: '/openapi.json', dom_id: '#docs', deepLinking: true, validatorUrl: null, presets: [SwaggerUIBundle.presets.apis],
  tryItOutEnabled: true, persistAuthorization: true,
});
"""
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Tokenhouse API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css"></head>
<body><div id="docs"></div>
<script src="/docs/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script></body></html>
"""
ASSETS = {"swagger-ui.css": "text/css", "swagger-ui-bundle.js": "text/javascript", "start.js": "text/javascript"}


def prepare(app: web.Application, operations: tuple[Operation, ...], examples: Examples = EXAMPLES) -> None:
    # Made when it is first asked for: it takes 1.3 MB.
    made_once: Callable[[], bytes] = cache(lambda: document(operations, examples))
    app[OPENAPI] = made_once
    app[OPERATIONS] = operations


@Description(
    tag=Tag.DOCUMENTATION,
    summary="This document",
    description="OpenAPI 3.1. Generators make clients of it.",
    returns=Returns(),
    needs_the_time=False,
)
async def openapi(request: web.Request) -> web.Response:
    return Response(body=request.app[OPENAPI](), content_type="application/json")


@Description(
    tag=Tag.DOCUMENTATION,
    summary="This document, to read and to try",
    description="No file of it comes from another host.",
    returns=Returns(media_type="text/html"),
    needs_the_time=False,
)
async def page(request: web.Request) -> web.Response:
    """Swagger UI where the `docs` extra is installed, otherwise a plain table of the calls."""
    text = PAGE if _swagger() else _table(request.app[OPERATIONS])
    return Response(text=text, content_type="text/html", headers={"Content-Security-Policy": POLICY})


@Description(
    tag=Tag.DOCUMENTATION,
    summary="A file of that page",
    description="Style sheet and scripts of the page.",
    returns=Returns(media_type="text/css", other_media_types=("text/javascript",)),
    refuses=(NotFoundError,),
    needs_the_time=False,
)
async def asset(request: web.Request) -> web.Response:
    """Raises NotFoundError for anything but the page's three files."""
    name, folder = request.match_info["file"], _swagger()
    if name not in ASSETS or folder is None:
        raise NotFoundError
    headers = {"Content-Type": ASSETS[name], "Cache-Control": "public, max-age=3600"}
    return Response(body=START if name == "start.js" else _content(folder / name), headers=headers)


@cache
def _content(file: Path) -> bytes:
    """Held in memory: aiohttp's file response rejects ranges and conditions without a problem document."""
    return file.read_bytes()


def _swagger() -> Path | None:
    """The directory of Swagger UI's files. The package is not imported: that would load its own server."""
    spec = find_spec("swagger_ui")
    return Path(spec.origin).parent / "static" if spec and spec.origin else None


def _table(operations: tuple[Operation, ...]) -> str:
    rows = "".join(
        f"<tr><td>{one.method}</td><td><code>{html.escape(one.path)}</code></td><td>{html.escape(one.about.summary)}</td></tr>"
        for one in operations
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Tokenhouse API</title></head><body>'
        f'<h1>Tokenhouse API</h1><table>{rows}</table><p>All of it: <a href="/openapi.json">openapi.json</a>.'
        " Install the extra <code>docs</code> of this package to browse it here.</p></body></html>"
    )
