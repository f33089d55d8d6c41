"""A program: one instance with tracing on, a few calls of one caller, and the spans that would have been sent."""

import asyncio
import json
import sys

from aiohttp import ClientSession
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from service.ambient import Ambient
from service.app import make_app
from service.assembly.application import build
from service.http.server import HttpServer, listen
from service.output import OUTPUT
from service.request_log import RequestLog
from service.settings import load
from service.telemetry import logs
from service.telemetry.tracing import Tracing

PERSON = {"email": "ada@traced.example", "password": "SecurePass1!", "firstName": "Ada", "lastName": "Lovelace"}
CALLER = f"00-{'a' * 32}-{'b' * 16}-01"


async def main() -> None:
    settings, exporter, ambient = load(), InMemorySpanExporter(), Ambient()
    logs.configure(settings.logging)
    log_request = RequestLog(OUTPUT.write, ambient)
    tracing = Tracing(exporter)
    application = build(settings, ambient, log_event=logs.for_events(settings.logging, ambient))
    await application.open()
    app = make_app(application, settings.server, log_request=log_request, middlewares=[tracing.middleware])
    runner = HttpServer(app, settings.server)
    await runner.setup()
    port = await listen(runner, settings.server)
    async with ClientSession(f"http://127.0.0.1:{port}") as client:
        await client.post("/auth/signup", json=PERSON)
        await client.post("/auth/signup", json=PERSON)  # taken: the database's complaint quotes the address
        credentials = {name: PERSON[name] for name in ("email", "password")}
        caller = {"traceparent": CALLER, "tracestate": "vendor=tracestate-secret", "baggage": "key=baggage-secret"}
        answer = await client.post("/auth/login", json=credentials, headers=caller)
        tokens = await answer.json()
        bearer = {"Authorization": f"Bearer {tokens['idToken']}"}
        await client.get("/auth/me?token=query-secret", headers=bearer)
        await client.get("/no/such/path-secret")
    await runner.cleanup()
    await application.close()
    tracing.close()
    log_request.flush()
    OUTPUT.settle()
    spans = [shown(span) for span in exporter.get_finished_spans()]
    json.dump({"spans": spans, "typed": PERSON, "tokens": tokens}, sys.stderr)


def shown(span: ReadableSpan) -> dict[str, object]:
    whole: dict[str, object] = json.loads(span.to_json())
    return whole


if __name__ == "__main__":
    asyncio.run(main())
