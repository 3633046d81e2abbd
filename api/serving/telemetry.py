"""Traces for OpenTelemetry, where the settings want them and the extra ``telemetry`` is installed."""

from __future__ import annotations

from fastapi import FastAPI

from geo.errors import InvalidInputError
from layers.postgres import database
from layers.settings import get_settings


def trace(app: FastAPI) -> None:
    """Send a trace of each request, and of its statements, to where the OTEL_* variables say.

    Raises
    ------
    InvalidInputError
        The packages aren't installed.
    """
    if not get_settings().telemetry:
        return
    try:
        from opentelemetry import trace as traces
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
        from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise InvalidInputError("HORAD_TELEMETRY takes the extra: pip install 'horad[telemetry]'") from error
    provider = TracerProvider(resource=Resource.create({"service.name": "horad"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    traces.set_tracer_provider(provider)
    engines = [database.engine(parallel=parallel, public=True) for parallel in (False, True)]
    SQLAlchemyInstrumentor().instrument(engines=engines, tracer_provider=provider, skip_dep_check=True)
    FastAPIInstrumentor.instrument_app(app, tracer_provider=provider, exclude_spans=["receive", "send"])
