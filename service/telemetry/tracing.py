"""OpenTelemetry spans of requests and of their store queries. Imported only when the settings switch it on.

The server span is our own: the ready-made instrumentation of aiohttp's server records the whole URL with its query
string, and replaces aiohttp's classes. Only allowed attributes leave the process: exceptions' texts quote rows.
"""

import threading
from collections.abc import Sequence

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.asyncpg import AsyncPGInstrumentor
from opentelemetry.instrumentation.redis import RedisInstrumentor
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import SpanKind, Status, StatusCode, format_span_id, format_trace_id
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from service.request_log import note_trace

PATIENCE = 2.0  # seconds to export the last spans at shutdown
ALLOWED = frozenset(
    {
        "http.request.method",
        "http.route",
        "http.response.status_code",
        "db.system",
        "db.name",
        "db.statement",
        "db.redis.database_index",
        "db.redis.pipeline_length",
        "net.peer.name",
        "net.peer.port",
        "net.transport",
        # ... and their names under OTEL_SEMCONV_STABILITY_OPT_IN
        "db.system.name",
        "db.namespace",
        "db.query.text",
        "error.type",
        "server.address",
        "server.port",
    }
)


class Tracing:
    """The standard `OTEL_*` variables configure the exporter."""

    def __init__(self, exporter: SpanExporter | None = None) -> None:
        resource = Resource.create()
        if str(resource.attributes.get(SERVICE_NAME, "")).startswith("unknown_service"):
            resource = resource.merge(Resource({SERVICE_NAME: "tokenhouse"}))
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(Filter(exporter or OTLPSpanExporter())))
        self._tracer = self._provider.get_tracer("tokenhouse")
        self._callers = TraceContextTextMapPropagator()
        AsyncPGInstrumentor().instrument(tracer_provider=self._provider)  # type: ignore[no-untyped-call] # it has no types
        RedisInstrumentor().instrument(tracer_provider=self._provider)

    @property
    def middleware(self) -> Middleware:
        """Belongs between `identify`, which reads `traceparent` for the log, and `render_errors`."""

        @web.middleware
        async def trace(request: web.Request, handler: Handler) -> web.StreamResponse:
            method = request.method if request.method in hdrs.METH_ALL else "other"
            resource = request.match_info.route.resource
            route = resource.canonical if resource else "none"
            caller = self._callers.extract({"traceparent": request.headers.get("traceparent", "")})
            with self._tracer.start_as_current_span(
                f"{method} {route}",
                caller,
                SpanKind.SERVER,
                {"http.request.method": method, "http.route": route},
                record_exception=False,
                set_status_on_exception=False,
            ) as span:
                here = span.get_span_context()
                note_trace(f"00-{format_trace_id(here.trace_id)}-{format_span_id(here.span_id)}-01")
                response = await handler(request)
                span.set_attribute("http.response.status_code", response.status)
                if response.status >= web.HTTPInternalServerError.status_code:
                    span.set_status(StatusCode.ERROR)
                return response

        return trace

    def close(self) -> None:
        """Export the pending spans, for up to PATIENCE seconds."""
        closing = threading.Thread(target=self._provider.shutdown, name="last spans", daemon=True)
        closing.start()
        closing.join(PATIENCE)


class Filter(SpanExporter):
    """Exports only the allowed attributes, and of an error only its status code."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._exporter.export([_filtered(span) for span in spans])

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


def _filtered(span: ReadableSpan) -> ReadableSpan:
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes={name: value for name, value in (span.attributes or {}).items() if name in ALLOWED},
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )
